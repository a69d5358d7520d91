//! Continuation tokens: the last key of a page, opaque to clients.

use crate::error::{Error, Result};

/// Returns the token that continues behind `last`.
pub(crate) fn encode(last: &str) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(last)
}

/// Reads a token.
pub(crate) fn decode(token: &str) -> Result<String> {
    let invalid = || Error::Argument("the continuation token is not valid".to_owned());
    let bytes = base64_simd::URL_SAFE_NO_PAD
        .decode_to_vec(token)
        .map_err(|_| invalid())?;
    String::from_utf8(bytes).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_round_trip() {
        for last in ["etl/", "etl/a b/é", "main/dt=2026-01-01/"] {
            assert_eq!(decode(&encode(last)).unwrap(), last);
        }
        for token in ["%", "a", "//8"] {
            assert_eq!(decode(token).unwrap_err().code().as_str(), "InvalidArgument");
        }
    }
}
