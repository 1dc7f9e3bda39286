//! Where a request goes.

use std::fmt;

use super::Key;

/// `/apis/GROUP/VERSION/namespaces/NAMESPACE/PLURAL/NAME/SUB`, as much of it as there is.
pub(super) struct Path {
    pub(super) plural: String,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    pub(super) sub: Option<String>,
}

impl Path {
    pub(super) fn read(path: &str) -> Option<Path> {
        let mut parts: Vec<&str> = path.split('/').skip(1).collect();
        let skipped = if parts.first() == Some(&"api") { 2 } else { 3 };
        parts.drain(..skipped.min(parts.len()));
        let namespace = (parts.first() == Some(&"namespaces") && parts.len() > 2).then(|| {
            parts.remove(0);
            parts.remove(0).to_owned()
        });
        let mut parts = parts.into_iter().map(str::to_owned);
        Some(Path { plural: parts.next()?, namespace, name: parts.next(), sub: parts.next() })
    }

    pub(super) fn key(&self) -> Option<Key> {
        Some(Key::new(&self.plural, self.namespace.as_deref().unwrap_or_default(), self.name.as_deref()?))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plural)?;
        self.sub.as_ref().map_or(Ok(()), |sub| write!(f, "/{sub}"))?;
        f.write_str(" ")?;
        self.namespace.as_ref().map_or(Ok(()), |namespace| write!(f, "{namespace}/"))?;
        f.write_str(self.name.as_deref().unwrap_or_default())
    }
}

/// Looks a word of the query up.
pub(super) fn query(uri: &http::Uri) -> impl Fn(&str) -> Option<String> {
    let pairs: Vec<(String, String)> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), decoded(value)))
        .collect();
    move |wanted| pairs.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.clone())
}

/// Percent-encoding undone, as far as label selectors need it.
fn decoded(text: &str) -> String {
    text.replace("%3D", "=").replace("%2C", ",").replace("%2F", "/").replace("%21", "!")
}
