use crate::error::{Code, Error};
use axum::http::{HeaderMap, header};
use serde_json::json;
use std::fmt;

/// Shortest token, in bytes. Shorter ones are guessed.
const BYTES_MIN: usize = 8;

/// A bearer token. Only its hash is kept: comparing hashes takes the same time whatever is presented.
#[derive(Clone)]
pub(crate) struct Token(blake3::Hash);

impl Token {
    /// A token, without the blanks around it.
    ///
    /// # Errors
    /// When it is too short or holds what a header cannot carry.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() < BYTES_MIN {
            return Err(format!("a token has at least {BYTES_MIN} characters"));
        }
        match text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Self(blake3::hash(text.as_bytes()))),
            false => Err("a token is made of visible ASCII characters".to_owned()),
        }
    }

    /// Whether the request carries this token.
    ///
    /// # Errors
    /// `ERR_UNAUTHORIZED`.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Error> {
        let refuse = |reason: &str| {
            Err(Error::new(Code::Unauthorized, reason)
                .details(json!({"rule": "token", "reason": reason}))
                .hint("send `Authorization: Bearer TOKEN`; the command line takes it from AGENTPM_TOKEN"))
        };
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return refuse("the request carries no token");
        };
        let refused = || refuse("the token is not the one this server expects");
        let Some((scheme, token)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
            return refused();
        };
        // blake3 compares hashes in constant time.
        match scheme.eq_ignore_ascii_case("bearer") && blake3::hash(token.trim().as_bytes()) == self.0 {
            true => Ok(()),
            false => refused(),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn only_the_token_itself_is_let_in() {
        let token = Token::new(" secret-token\n").unwrap();
        let check = |value: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert("authorization", value.parse().unwrap());
            }
            token.check(&headers)
        };
        assert!(check(Some("Bearer secret-token")).is_ok());
        assert!(check(Some("bearer secret-token")).is_ok());
        for wrong in
            [None, Some(""), Some("secret-token"), Some("Bearer secret-tokem"), Some("Basic secret-token")]
        {
            assert_eq!(check(wrong).unwrap_err().code(), Code::Unauthorized, "{wrong:?}");
        }
    }

    #[test]
    fn what_makes_a_token() {
        assert!(Token::new("1234567").is_err());
        assert!(Token::new("12345678").is_ok());
        assert!(Token::new("1234 5678").is_err());
    }

    #[test]
    fn it_never_prints() {
        assert_eq!(format!("{:?}", Token::new("secret-token").unwrap()), "Token(…)");
    }
}
