//! What is at the bottom of an error.

use std::error::Error;
use std::io;

/// The last of an error's causes: what an operating system or a library first said.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// Whether it is about TLS: a certificate that is not trusted, say, which is a matter of who asks.
pub(super) fn is_tls(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|error| error.is::<rustls::Error>() || error.downcast_ref().is_some_and(wraps_tls))
}

/// What an I/O error wraps is not among its causes, and hyper-rustls wraps one in another.
fn wraps_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>() || inner.downcast_ref().is_some_and(wraps_tls))
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
