//! What readers and writers of Avro object container files share: the first bytes and the
//! compression of blocks.

use std::io::{self, Read, Write};

/// The first bytes of a file.
pub(super) const MAGIC: [u8; 4] = *b"Obj\x01";

/// How the blocks of a file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    None,
    #[default]
    Deflate,
    Zstandard,
}

impl Compression {
    /// The word in a file's header (`avro.codec`).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Compression::None => "null",
            Compression::Deflate => "deflate",
            Compression::Zstandard => "zstandard",
        }
    }

    /// The compression with this word.
    #[must_use]
    pub fn from_word(word: &[u8]) -> Option<Self> {
        match word {
            b"null" => Some(Compression::None),
            b"deflate" => Some(Compression::Deflate),
            b"zstandard" => Some(Compression::Zstandard),
            _ => None,
        }
    }

    pub(super) fn pack_block(self, block: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Compression::None => Ok(block.to_vec()),
            Compression::Deflate => {
                let mut encoder =
                    flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(block)?;
                encoder.finish()
            }
            Compression::Zstandard => zstd::encode_all(block, zstd::DEFAULT_COMPRESSION_LEVEL),
        }
    }

    /// Unpacks a block, but no more than one byte beyond `bytes_max`: a few bytes can unpack to
    /// gigabytes.
    pub(super) fn unpack_block(self, packed: Vec<u8>, bytes_max: usize) -> io::Result<Vec<u8>> {
        let limit = bytes_max as u64 + 1;
        let mut block = Vec::new();
        match self {
            Compression::None => return Ok(packed),
            Compression::Deflate => flate2::read::DeflateDecoder::new(packed.as_slice())
                .take(limit)
                .read_to_end(&mut block)?,
            Compression::Zstandard => zstd::stream::read::Decoder::new(packed.as_slice())?
                .take(limit)
                .read_to_end(&mut block)?,
        };
        Ok(block)
    }
}
