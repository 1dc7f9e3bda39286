//! One broker, and the one connection to it that all questions share, one after another.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

use super::Trouble;
use super::connection::Connection;
use super::login::Login;
use super::messages::Question;

/// How one connects to any broker of a cluster.
pub(super) struct Access {
    pub(super) tls: Option<TlsConnector>,
    pub(super) login: Option<Login>,
}

/// A broker.
pub(super) struct Broker {
    host: String,
    port: u16,
    access: Arc<Access>,
    /// Taken out while it is used, so that whoever is dropped halfway takes it along.
    kept: Mutex<Option<Connection>>,
}

impl Broker {
    pub(super) fn new(host: &str, port: u16, access: Arc<Access>) -> Broker {
        Broker { host: host.to_owned(), port, access, kept: Mutex::new(None) }
    }

    /// `host:port`
    pub(super) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Asks. A connection that has died while nobody used it costs no question.
    pub(super) async fn ask<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Trouble> {
        let mut kept = self.kept.lock().await;
        if let Some(mut connection) = kept.take()
            && let Ok(answer) = connection.ask(question).await
        {
            *kept = Some(connection);
            return Ok(answer);
        }
        let mut connection = self.connect().await?;
        let answer = connection.ask(question).await.map_err(|trouble| self.named(trouble))?;
        *kept = Some(connection);
        Ok(answer)
    }

    async fn connect(&self) -> Result<Connection, Trouble> {
        let opened = Connection::open(&self.host, self.port, self.access.tls.as_ref()).await;
        let mut connection = opened.map_err(|trouble| self.named(trouble))?;
        if let Some(login) = &self.access.login {
            login.log_in(&mut connection).await.map_err(|trouble| self.named(trouble))?;
        }
        Ok(connection)
    }

    /// A cluster has many brokers: which one has trouble.
    fn named(&self, trouble: Trouble) -> Trouble {
        let name = |why: String| format!("broker {}: {why}", self.address());
        match trouble {
            Trouble::Server(why) => Trouble::Server(name(why)),
            Trouble::Question(why) => Trouble::Question(name(why)),
        }
    }
}
