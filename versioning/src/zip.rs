//! Compression with a context a thread, which takes longer to make than a node to compress.

use std::cell::RefCell;
use std::io;

/// The fastest of the levels that are not negative: what is compressed is small and written while somebody waits.
const LEVEL: i32 = 1;

thread_local! {
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
}

/// Returns `raw` compressed.
pub(crate) fn compress(raw: &[u8]) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|kept| {
        let compressor = match kept {
            Some(compressor) => compressor,
            None => kept.insert(zstd::bulk::Compressor::new(LEVEL)?),
        };
        compressor.compress(raw)
    })
}
