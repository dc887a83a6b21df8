//! Files by name: plain, or compressed with xz, gzip or Zstandard.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Most memory the xz decoder may take, in bytes: the largest preset needs 65 MiB.
const XZ_MEMORY_MAX: u64 = 256 << 20;

/// A reader of the decompressed contents of `raw`, the bytes of the file `path`.
///
/// # Errors
/// When a decoder cannot be set up.
pub(crate) fn decompress(path: &Path, raw: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    Ok(match extension.to_ascii_lowercase().as_str() {
        "xz" => {
            let stream =
                liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_MAX, liblzma::stream::CONCATENATED)?;
            Box::new(liblzma::read::XzDecoder::new_stream(raw, stream))
        }
        "gz" => Box::new(flate2::read::MultiGzDecoder::new(raw)),
        "zst" => Box::new(zstd::stream::read::Decoder::new(raw)?),
        _ => Box::new(raw),
    })
}

/// Opens a file, or standard input for `-`, with its size where it is known.
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn open(path: &Path) -> io::Result<(Box<dyn Read + Send>, Option<u64>)> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let file = File::open(path)?;
    let size = file.metadata().ok().map(|about| about.len());
    Ok((Box::new(file), size))
}
