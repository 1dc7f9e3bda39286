//! `sslmode`: whether TLS is spoken, and whom one trusts.

use autoscaler::triggers::metadata::Tls;
use rustls::ClientConfig;
use tokio_postgres::config::SslMode as OnTheWire;

use super::super::trust;
use super::OpenError;

/// `sslmode`, as libpq has it, but that `allow` prefers TLS rather than to do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SslMode {
    /// No TLS.
    Disable,
    /// TLS if the server has it, whoever it is. What libpq does unless told otherwise.
    Prefer,
    /// TLS, whoever the server is.
    Require,
    /// TLS with a server whom the system's authorities know, whatever it is called.
    VerifyCa,
    /// TLS with a server whom the system's authorities know by this name.
    VerifyFull,
}

const WORDS: [(&str, SslMode); 6] = [
    ("disable", SslMode::Disable),
    ("allow", SslMode::Prefer),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

impl SslMode {
    /// Reads `word`.
    pub(super) fn of(word: &str) -> Result<SslMode, OpenError> {
        let known = WORDS.iter().find(|(known, _)| *known == word).map(|(_, mode)| *mode);
        known.ok_or_else(|| {
            let words = WORDS.map(|(word, _)| word).join(", ");
            OpenError::parameter("sslmode", format!("is not allowed: it must be one of {words}"))
        })
    }

    /// What the client asks the server for.
    pub(super) fn on_the_wire(self) -> OnTheWire {
        match self {
            SslMode::Disable => OnTheWire::Disable,
            SslMode::Prefer => OnTheWire::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => OnTheWire::Require,
        }
    }
}

/// Whom `mode` trusts.
pub(super) fn client_config(mode: SslMode) -> Result<ClientConfig, OpenError> {
    match mode {
        SslMode::Disable | SslMode::Prefer | SslMode::Require => {
            trust::client_config(&Tls { insecure: true, ..Tls::default() })
        }
        SslMode::VerifyFull => trust::client_config(&Tls::default()),
        SslMode::VerifyCa => trust::any_name(),
    }
}

/// `text` without its `sslmode`, and that: the client's own parser does not know all words.
pub(super) fn split(text: &str) -> Result<(String, SslMode), OpenError> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return split_url(text);
    }
    let mut mode = SslMode::Prefer;
    let mut rest = Vec::new();
    for word in words(text) {
        match word.split_once('=') {
            Some((name, value)) if name.trim() == "sslmode" => mode = SslMode::of(value.trim().trim_matches('\''))?,
            _ => rest.push(word),
        }
    }
    Ok((rest.join(" "), mode))
}

fn split_url(text: &str) -> Result<(String, SslMode), OpenError> {
    let Some((before, query)) = text.split_once('?') else { return Ok((text.to_owned(), SslMode::Prefer)) };
    let mut mode = SslMode::Prefer;
    let mut rest = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = SslMode::of(value)?,
            _ => rest.push(pair),
        }
    }
    Ok((format!("{before}?{}", rest.join("&")), mode))
}

/// `name = value` each, where white space in quotes and after a backslash belongs to the value, and such around `=` does to
/// neither.
fn words(text: &str) -> Vec<&str> {
    let (mut all, mut start) = (Vec::new(), None);
    let (mut quoted, mut escaped, mut has_equals, mut has_value) = (false, false, false, false);
    for (at, letter) in text.char_indices() {
        let is_space = letter.is_whitespace() && !quoted && !escaped;
        if is_space {
            // `a =b` and `a= b` are one word.
            let rest = text[at..].trim_start();
            let goes_on = if has_equals { !has_value } else { rest.starts_with('=') };
            if let Some(begin) = start.filter(|_| !goes_on) {
                all.push(&text[begin..at]);
                (start, has_equals, has_value) = (None, false, false);
            }
            continue;
        }
        start = start.or(Some(at));
        if has_equals {
            has_value = true;
        }
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' => quoted = !quoted,
            '=' if !quoted => has_equals = true,
            _ => {}
        }
    }
    all.extend(start.map(|begin| &text[begin..]));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_taken_out_of_words_and_out_of_nothing_else() {
        let given = r"host=db password='a sslmode=disable \' b' sslmode = verify-full dbname=x\ y";
        let (rest, mode) = split(given).unwrap();
        assert_eq!(
            (rest.as_str(), mode),
            (r"host=db password='a sslmode=disable \' b' dbname=x\ y", SslMode::VerifyFull)
        );
        assert_eq!(split("host=db").unwrap(), ("host=db".to_owned(), SslMode::Prefer));
    }

    #[test]
    fn the_mode_is_taken_out_of_a_url() {
        let (rest, mode) = split("postgres://u:p@h/d?connect_timeout=3&sslmode=verify-ca&options=x").unwrap();
        assert_eq!((rest.as_str(), mode), ("postgres://u:p@h/d?connect_timeout=3&options=x", SslMode::VerifyCa));
        assert_eq!(split("postgresql://h").unwrap(), ("postgresql://h".to_owned(), SslMode::Prefer));
    }

    #[test]
    fn a_word_that_is_none_is_refused() {
        let problem = split("host=db sslmode=on").unwrap_err().to_string();
        assert!(problem.starts_with("sslmode: is not allowed: it must be one of disable, allow"), "{problem}");
    }
}
