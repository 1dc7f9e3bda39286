//! A value that nobody may see.

use std::fmt;

/// A password, a token, a connection string: it is handed to the server it is for, and never logged, shown or made a
/// label. Its only way out is [`Secret::expose`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `value`.
    pub fn new(value: impl Into<String>) -> Secret {
        Secret(value.into())
    }

    /// The value, for the server it is for.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_neither_its_value_nor_its_length() {
        assert_eq!(format!("{:?} {:#?}", Secret::new("hunter2"), Secret::default()), "Secret(..) Secret(..)");
        assert_eq!(Secret::new("hunter2").expose(), "hunter2");
    }
}
