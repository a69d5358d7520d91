//! Files that fail on purpose: at the n-th call, before or after its effect, or as on a full disk.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use versioning::store::{FileWriter, Files};
use versioning::{Error, Result};

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing happened.
    Before,
    /// It happened, but the answer is lost.
    After,
    /// It and every later call fail before anything happens, as if the process had stopped.
    Stop,
}

/// Files that fail when they are told to. Calls of all methods are counted from 0, those of writers as well.
#[derive(Debug, Clone)]
pub struct FaultyFiles {
    inner: Arc<dyn Files>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: AtomicU64,
    stopped: AtomicBool,
    full: AtomicBool,
    faults: Mutex<Vec<(u64, Fault)>>,
}

impl FaultyFiles {
    /// Returns `inner`, for now without faults.
    pub fn new(inner: Arc<dyn Files>) -> FaultyFiles {
        FaultyFiles {
            inner,
            state: Arc::default(),
        }
    }

    /// Returns how many calls there were.
    pub fn calls(&self) -> u64 {
        self.state.calls.load(SeqCst)
    }

    /// Makes the call with the number `call` fail; see [`FaultyFiles::calls`] for the next one's.
    pub fn fail(&self, call: u64, fault: Fault) {
        self.state
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((call, fault));
    }

    /// Says whether the disk is full: then whatever writes fails with [`Error::NoSpace`].
    pub fn set_full(&self, full: bool) {
        self.state.full.store(full, SeqCst);
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.state
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.state.stopped.store(false, SeqCst);
        self.set_full(false);
    }
}

impl State {
    /// Counts a call, and returns how it fails, if it does.
    fn call(&self, writes: bool) -> Result<Option<Fault>> {
        let call = self.calls.fetch_add(1, SeqCst);
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = faults.iter().find(|(at, _)| *at == call).map(|(_, fault)| *fault);
        if fault == Some(Fault::Stop) {
            self.stopped.store(true, SeqCst);
        }
        if self.stopped.load(SeqCst) || fault == Some(Fault::Before) {
            return Err(lost());
        }
        if writes && self.full.load(SeqCst) {
            return Err(Error::NoSpace {
                operation: "write of a file",
            });
        }
        Ok(fault)
    }

    async fn run<T>(&self, writes: bool, call: impl Future<Output = Result<T>>) -> Result<T> {
        let fault = self.call(writes)?;
        let done = call.await?;
        if fault.is_some() { Err(lost()) } else { Ok(done) }
    }
}

pub(crate) fn lost() -> Error {
    Error::Storage {
        operation: "call of a store",
        message: "failed on purpose".into(),
    }
}

#[async_trait]
impl Files for FaultyFiles {
    async fn put(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.state.run(true, self.inner.put(path, bytes)).await
    }

    async fn create(&self, path: &str) -> Result<Box<dyn FileWriter>> {
        let inner = self.state.run(true, self.inner.create(path)).await?;
        Ok(Box::new(FaultyWriter {
            inner,
            state: self.state.clone(),
        }))
    }

    async fn get(&self, path: &str) -> Result<Bytes> {
        self.state.run(false, self.inner.get(path)).await
    }

    async fn read(&self, path: &str, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
        self.state.run(false, self.inner.read(path, range)).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<(String, u64)>> {
        match self.state.call(false) {
            Ok(None) => self.inner.list(prefix),
            Ok(Some(_)) => stream::once(async { Err(lost()) }).boxed(),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.state.run(false, self.inner.delete(path)).await
    }
}

#[derive(Debug)]
struct FaultyWriter {
    inner: Box<dyn FileWriter>,
    state: Arc<State>,
}

#[async_trait]
impl FileWriter for FaultyWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.state.run(true, self.inner.write(bytes)).await
    }

    async fn finish(self: Box<Self>) -> Result<()> {
        self.state.run(true, self.inner.finish()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use versioning::store::MemoryFiles;
    use versioning::store::conformance::conformance;

    fn faulty() -> FaultyFiles {
        FaultyFiles::new(Arc::new(MemoryFiles::new()))
    }

    #[tokio::test]
    async fn conforms_without_faults() {
        conformance(&faulty()).await;
    }

    #[tokio::test]
    async fn fails_before_after_and_for_good() {
        let files = faulty();
        let put = async |path: &str| files.put(path, Bytes::from_static(b"x")).await.is_ok();
        let stored = async |path: &str| files.inner.get(path).await.is_ok();
        files.fail(1, Fault::Before);
        files.fail(2, Fault::After);
        files.fail(4, Fault::Stop);
        for (path, acknowledged, there) in [
            ("0", true, true),
            ("1", false, false),
            ("2", false, true),
            ("3", true, true),
            ("4", false, false),
            ("5", false, false),
        ] {
            assert_eq!(
                (put(path).await, stored(path).await),
                (acknowledged, there),
                "{path}"
            );
        }
        files.heal();
        assert!(put("5").await);
        assert_eq!(files.calls(), 7);
    }

    #[tokio::test]
    async fn a_full_disk_still_reads() {
        let files = faulty();
        files.put("kept", Bytes::from_static(b"x")).await.unwrap();
        let mut writer = files.create("half").await.unwrap();
        files.set_full(true);
        assert!(matches!(
            files.put("more", Bytes::new()).await,
            Err(Error::NoSpace { .. })
        ));
        assert!(matches!(
            writer.write(Bytes::new()).await,
            Err(Error::NoSpace { .. })
        ));
        assert!(matches!(writer.finish().await, Err(Error::NoSpace { .. })));
        assert_eq!(files.get("kept").await.unwrap(), "x");
        assert!(files.get("half").await.is_err());
    }
}
