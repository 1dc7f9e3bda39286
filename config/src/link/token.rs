//! The token by which a reporter shows who it is.

use std::fmt;

use crate::bounds;

/// A secret that shows who speaks: on Kubernetes, the token of a ServiceAccount that is bound to a pod. Its text is in no
/// debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<str>);

/// Why a text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is nothing but white space.
    #[error("an empty token")]
    Empty,
    /// It has so many bytes.
    #[error("a token of {0} bytes, of which {most} are allowed", most = bounds::LINK_TOKEN_BYTES)]
    TooLong(usize),
}

impl Token {
    /// The token that `text` is, but for white space around it.
    ///
    /// # Errors
    /// When there is nothing else, or more than [`bounds::LINK_TOKEN_BYTES`].
    pub fn new(text: &str) -> Result<Token, TokenError> {
        match text.trim() {
            "" => Err(TokenError::Empty),
            long if long.len() > bounds::LINK_TOKEN_BYTES => Err(TokenError::TooLong(long.len())),
            token => Ok(Token(token.into())),
        }
    }

    /// The text, for whoever verifies or sends it.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_ends_with_a_line_and_a_token_does_not() {
        assert_eq!(Token::new(" a.b.c\n").map(|token| token.secret().to_owned()), Ok("a.b.c".to_owned()));
        assert_eq!(Token::new(" \n"), Err(TokenError::Empty));
        assert!(Token::new(&"a".repeat(bounds::LINK_TOKEN_BYTES)).is_ok());
        let bytes = bounds::LINK_TOKEN_BYTES + 1;
        assert_eq!(Token::new(&"a".repeat(bytes)), Err(TokenError::TooLong(bytes)));
    }
}
