//! Digests, checksums and encodings of bytes.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use datafusion::common::Result;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use xxhash_rust::xxh64::xxh64;

use crate::call::map_rows;
use crate::failure::invalid_argument;
use crate::function::Function;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Declares a digest of bytes.
macro_rules! digest {
    ($name:literal, $digest:expr) => {
        Function::new($name).on("(varbinary) -> varbinary", |call| {
            map_rows::<(&[u8],), Vec<u8>>(call, |(bytes,)| {
                let digest: fn(&[u8]) -> Vec<u8> = $digest;
                Ok(Some(digest(bytes)))
            })
        })
    };
}

/// Declares a keyed digest of bytes; the key comes second.
macro_rules! keyed_digest {
    ($name:literal, $digest:ty, $block:literal) => {
        Function::new($name).on("(varbinary, varbinary) -> varbinary", |call| {
            map_rows::<(&[u8], &[u8]), Vec<u8>>(call, |(bytes, key)| Ok(Some(hmac::<$digest>(bytes, key, $block))))
        })
    };
}

/// Declares a decoder that takes text or bytes.
macro_rules! decoder {
    ($name:literal, $decode:expr) => {
        Function::new($name)
            .on("(varchar) -> varbinary", |call| {
                map_rows::<(&str,), Vec<u8>>(call, |(text,)| {
                    let decode: fn(&[u8]) -> Result<Vec<u8>> = $decode;
                    decode(text.as_bytes()).map(Some)
                })
            })
            .on("(varbinary) -> varbinary", |call| {
                map_rows::<(&[u8],), Vec<u8>>(call, |(bytes,)| {
                    let decode: fn(&[u8]) -> Result<Vec<u8>> = $decode;
                    decode(bytes).map(Some)
                })
            })
    };
}

/// Declares an encoder of bytes as text.
macro_rules! encoder {
    ($name:literal, $encode:expr) => {
        Function::new($name).on("(varbinary) -> varchar", |call| {
            map_rows::<(&[u8],), String>(call, |(bytes,)| {
                let encode: fn(&[u8]) -> String = $encode;
                Ok(Some(encode(bytes)))
            })
        })
    };
}

pub(crate) fn functions() -> Vec<Function> {
    vec![
        digest!("md5", |bytes| Md5::digest(bytes).to_vec()),
        digest!("sha1", |bytes| Sha1::digest(bytes).to_vec()),
        digest!("sha256", |bytes| Sha256::digest(bytes).to_vec()),
        digest!("sha512", |bytes| Sha512::digest(bytes).to_vec()),
        digest!("xxhash64", |bytes| xxh64(bytes, 0).to_be_bytes().to_vec()),
        keyed_digest!("hmac_md5", Md5, 64),
        keyed_digest!("hmac_sha1", Sha1, 64),
        keyed_digest!("hmac_sha256", Sha256, 64),
        keyed_digest!("hmac_sha512", Sha512, 128),
        Function::new("crc32").on("(varbinary) -> bigint", |call| {
            map_rows::<(&[u8],), i64>(call, |(bytes,)| Ok(Some(crc32fast::hash(bytes).into())))
        }),
        encoder!("to_hex", |bytes| { bytes.iter().map(|byte| format!("{byte:02X}")).collect() }),
        encoder!("to_base64", |bytes| STANDARD.encode(bytes)),
        encoder!("to_base64url", |bytes| URL.encode(bytes)),
        decoder!("from_hex", from_hex),
        decoder!("from_base64", |text| from_base64(text, &STANDARD)),
        decoder!("from_base64url", |text| from_base64(text, &URL)),
        Function::new("to_big_endian_64").on("(bigint) -> varbinary", |call| {
            map_rows::<(i64,), Vec<u8>>(call, |(value,)| Ok(Some(value.to_be_bytes().to_vec())))
        }),
        Function::new("from_big_endian_64").on("(varbinary) -> bigint", |call| {
            map_rows::<(&[u8],), i64>(call, |(bytes,)| {
                <[u8; 8]>::try_from(bytes).map(|bytes| Some(i64::from_be_bytes(bytes))).map_err(|_| {
                    invalid_argument("expected 8-byte input, but got instead: ".to_owned() + &bytes.len().to_string())
                })
            })
        }),
        Function::new("to_big_endian_32").on("(integer) -> varbinary", |call| {
            map_rows::<(i32,), Vec<u8>>(call, |(value,)| Ok(Some(value.to_be_bytes().to_vec())))
        }),
        Function::new("from_big_endian_32").on("(varbinary) -> integer", |call| {
            map_rows::<(&[u8],), i32>(call, |(bytes,)| {
                <[u8; 4]>::try_from(bytes).map(|bytes| Some(i32::from_be_bytes(bytes))).map_err(|_| {
                    invalid_argument("expected 4-byte input, but got instead: ".to_owned() + &bytes.len().to_string())
                })
            })
        }),
    ]
}

/// HMAC by RFC 2104.
fn hmac<D: Digest>(bytes: &[u8], key: &[u8], block: usize) -> Vec<u8> {
    let mut padded = if key.len() > block { D::digest(key).to_vec() } else { key.to_vec() };
    padded.resize(block, 0);
    let masked = |mask: u8| padded.iter().map(|byte| byte ^ mask).collect::<Vec<u8>>();
    let inner = D::new().chain_update(masked(0x36)).chain_update(bytes).finalize();
    D::new().chain_update(masked(0x5c)).chain_update(inner).finalize().to_vec()
}

fn from_hex(text: &[u8]) -> Result<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return Err(invalid_argument(format!("input must have an even length, but was {}", text.len())));
    }
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .ok_or_else(|| invalid_argument(format!("Not a valid hexadecimal digit: {}", char::from(byte))))
    };
    text.chunks_exact(2).map(|pair| Ok((digit(pair[0])? * 16 + digit(pair[1])?) as u8)).collect()
}

fn from_base64(text: &[u8], engine: &GeneralPurpose) -> Result<Vec<u8>> {
    engine.decode(text).map_err(|error| invalid_argument(format!("Invalid base64 text: {error}")))
}
