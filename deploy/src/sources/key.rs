//! Which questions are the same.

use std::fmt;

use ring::digest::{Context, SHA256};

/// Stands for everything that makes a question what it is: server, credentials, query. It holds none of it, for among it are
/// secrets.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

impl Key {
    /// The key of these `parts`, in this order.
    pub fn new<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> Key {
        let mut context = Context::new(&SHA256);
        for part in parts {
            let part = part.as_ref();
            // With its length, or ("ab", "c") were ("a", "bc").
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        Key(key)
    }

    /// A number that is spread evenly over keys, and the same for the same key: for plans, never to be shown.
    pub fn number(self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// The key of what this one stands for and these `parts` as well.
    #[must_use]
    pub fn with<P: AsRef<[u8]>>(self, parts: impl IntoIterator<Item = P>) -> Key {
        let parts = Key::new(parts);
        Key::new([self.0, parts.0])
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    /// Not even the digest: a short password could be guessed from it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_parts_are_another_key_and_none_is_shown() {
        assert_eq!(Key::new(["a", "b"]), Key::new(["a", "b"]));
        for other in [&["ab"][..], &["a", "b", ""], &["b", "a"], &["ab", ""], &[]] {
            assert_ne!(Key::new(["a", "b"]), Key::new(other), "{other:?}");
        }
        let key = Key::new(["a"]);
        assert_eq!(key.with(["b"]), Key::new(["a"]).with(["b"]));
        assert_ne!(key.with(["b"]), key.with(["c"]));
        assert_ne!(key.with(["b"]), key);
        assert_eq!(format!("{:?}", Key::new(["hunter2"])), "Key(..)");
    }
}
