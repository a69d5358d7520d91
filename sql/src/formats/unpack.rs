//! Compressed bytes, unpacked piece by piece as they come. Hadoop tells the codec by the end of a file's name.

use std::io::{self, Write};

use bytes::Bytes;

/// So much is unpacked at a time, so that what little bytes claim to be stays little: one may become 1,000 times
/// as many, and of zstd far more.
const PIECE_BYTES: usize = 1 << 10;

/// What unpacks the bytes of one file.
pub(super) enum Unpacker {
    Plain,
    Gzip(flate2::write::MultiGzDecoder<Vec<u8>>),
    Deflate(flate2::write::ZlibDecoder<Vec<u8>>),
    Bzip2(Bzip2),
    Zstd(zstd::stream::write::Decoder<'static, Vec<u8>>),
}

impl Unpacker {
    /// Returns what unpacks a file of this path.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn of(path: &str) -> Result<Unpacker, String> {
        let name = path.rsplit('/').next().unwrap_or(path);
        Ok(
            match name
                .rsplit_once('.')
                .map(|(_, end)| end.to_ascii_lowercase())
                .as_deref()
            {
                Some("gz" | "gzip") => Unpacker::Gzip(flate2::write::MultiGzDecoder::new(Vec::new())),
                Some("deflate") => Unpacker::Deflate(flate2::write::ZlibDecoder::new(Vec::new())),
                Some("bz2") => Unpacker::Bzip2(Bzip2::default()),
                Some("zst" | "zstd") => {
                    let decoder = zstd::stream::write::Decoder::new(Vec::new());
                    Unpacker::Zstd(decoder.map_err(|error| error.to_string())?)
                }
                Some(codec @ ("snappy" | "lz4" | "lzo" | "lzo_deflate" | "xz" | "br" | "zip")) => {
                    return Err(format!("sql cannot unpack text of the codec {codec}"));
                }
                _ => Unpacker::Plain,
            },
        )
    }

    /// Takes some of the bytes from the front, and unpacks them into `out`.
    pub(super) fn take(&mut self, bytes: &mut Bytes, out: &mut Vec<u8>) -> io::Result<()> {
        let piece = match self {
            Unpacker::Plain => std::mem::take(bytes),
            _ => bytes.split_to(bytes.len().min(PIECE_BYTES)),
        };
        self.unpack(&piece, out)
    }

    fn unpack(&mut self, piece: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Unpacker::Plain => out.extend_from_slice(piece),
            Unpacker::Gzip(decoder) => {
                decoder.write_all(piece)?;
                out.append(decoder.get_mut());
            }
            Unpacker::Deflate(decoder) => {
                decoder.write_all(piece)?;
                out.append(decoder.get_mut());
            }
            Unpacker::Bzip2(members) => members.unpack(piece, out)?,
            Unpacker::Zstd(decoder) => {
                decoder.write_all(piece)?;
                out.append(decoder.get_mut());
            }
        }
        Ok(())
    }

    /// Unpacks the rest, when there are no more bytes.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Unpacker::Plain => {}
            Unpacker::Gzip(decoder) => {
                decoder.try_finish()?;
                out.append(decoder.get_mut());
            }
            Unpacker::Deflate(decoder) => {
                decoder.try_finish()?;
                out.append(decoder.get_mut());
            }
            Unpacker::Bzip2(members) => members.finish()?,
            Unpacker::Zstd(decoder) => {
                decoder.flush()?;
                out.append(decoder.get_mut());
            }
        }
        Ok(())
    }
}

/// The members of a bzip2 file, of which parallel writers make several.
#[derive(Default)]
pub(super) struct Bzip2(Option<bzip2::Decompress>);

impl Bzip2 {
    fn unpack(&mut self, mut piece: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        while !piece.is_empty() {
            let member = self.0.get_or_insert_with(|| bzip2::Decompress::new(false));
            let (before, length) = (member.total_in(), out.len());
            out.reserve(PIECE_BYTES * 8);
            let status = member.decompress_vec(piece, out).map_err(io::Error::other)?;
            let taken = usize::try_from(member.total_in() - before).unwrap_or(piece.len());
            piece = piece.get(taken..).unwrap_or_default();
            match status {
                bzip2::Status::StreamEnd => self.0 = None,
                _ if taken == 0 && out.len() == length => return Err(io::ErrorKind::InvalidData.into()),
                _ => {}
            }
        }
        self.drain(out)
    }

    /// Takes what is unpacked already, of bytes that have all been taken.
    fn drain(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        while let Some(member) = &mut self.0 {
            let length = out.len();
            out.reserve(PIECE_BYTES * 8);
            match member.decompress_vec(&[], out).map_err(io::Error::other)? {
                bzip2::Status::StreamEnd => self.0 = None,
                _ if out.len() == length => break,
                _ => {}
            }
        }
        Ok(())
    }

    fn finish(&self) -> io::Result<()> {
        match self.0 {
            None => Ok(()),
            Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(name: &str, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut unpacker = Unpacker::of(name).unwrap();
        let mut out = Vec::new();
        for some in bytes.chunks(700) {
            let mut some = Bytes::copy_from_slice(some);
            while !some.is_empty() {
                unpacker.take(&mut some, &mut out)?;
            }
        }
        unpacker.finish(&mut out)?;
        Ok(out)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_codec_gives_the_text_back() {
        let text: Vec<u8> = (0..20_000u32)
            .flat_map(|i| format!("{}\n", i * 7_919 % 10_007).into_bytes())
            .collect();
        let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
        bz.write_all(&text).unwrap();
        let zstd = zstd::stream::encode_all(&text[..], 3).unwrap();
        for (name, bytes) in [
            ("d/a.gz", gzip(&text)),
            ("d/a.bz2", bz.finish().unwrap()),
            ("d/a.zst", zstd),
            ("d/000000_0", text.clone()),
        ] {
            assert!(unpacked(name, &bytes).unwrap() == text, "{name}");
        }
        // files of several members, as parallel writers make them
        let twice = [gzip(b"a\n"), gzip(b"b\n")].concat();
        assert_eq!(unpacked("a.gz", &twice).unwrap(), b"a\nb\n");
    }

    #[test]
    fn what_is_cut_off_or_unknown_is_said() {
        let whole = gzip(&vec![b'x'; 100_000]);
        assert!(unpacked("a.gz", &whole[..whole.len() - 9]).is_err());
        assert!(unpacked("a.gz", b"no gzip").is_err());
        assert!(Unpacker::of("a.snappy").is_err_and(|reason| reason.contains("snappy")));
    }
}
