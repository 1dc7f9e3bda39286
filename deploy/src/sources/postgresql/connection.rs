//! How one connects to PostgreSQL.

use std::error::Error;

use autoscaler::triggers::metadata::Connection;
use parking_lot::Mutex;
use tokio_postgres::config::Host;
use tokio_postgres::{Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::ssl::{self, SslMode};
use super::{Client, OpenError, Trouble};
use crate::sources::cause;

/// Settings of libpq that people use and this client has not.
const NOT_SERVED: [&str; 8] =
    ["sslrootcert", "sslcert", "sslkey", "sslpassword", "passfile", "service", "gssencmode", "krbsrvname"];

impl Client {
    /// For `connection`. Connects when something is read.
    pub(super) fn new(connection: &Connection) -> Result<Client, OpenError> {
        let (config, mode) = config(connection)?;
        let tls = MakeRustlsConnect::new(ssl::client_config(mode)?);
        Ok(Client { name: name(&config), config, tls, idle: Mutex::default() })
    }

    /// A new connection, which lives as long as its client.
    pub(super) async fn connect(&self) -> Result<tokio_postgres::Client, Trouble> {
        let (client, connection) = self.connect_raw().await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a connection to postgresql ended: {error}");
            }
        });
        Ok(client)
    }

    /// A new connection that somebody else must drive.
    pub(super) async fn connect_raw(
        &self,
    ) -> Result<(tokio_postgres::Client, tokio_postgres::Connection<Socket, Stream>), Trouble> {
        self.config.connect(self.tls.clone()).await.map_err(|error| trouble(&error))
    }
}

/// TLS over a socket.
pub(super) type Stream = <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<Socket>>::Stream;

fn config(connection: &Connection) -> Result<(Config, SslMode), OpenError> {
    let (mut config, mode) = match connection {
        Connection::Text(text) => {
            let (text, mode) = ssl::split(text.expose())?;
            (text.parse::<Config>().map_err(|error| unreadable(&error))?, mode)
        }
        Connection::Parts { host, port, user, database, ssl_mode, password } => {
            let mut config = Config::new();
            let port = port.parse().map_err(|_| OpenError::parameter("port", "is not a port"))?;
            config.host(host).port(port).user(user).dbname(database);
            if !password.expose().is_empty() {
                config.password(password.expose());
            }
            (config, SslMode::of(ssl_mode)?)
        }
    };
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(OpenError::parameter("connection", "has no host"));
    }
    config.ssl_mode(mode.on_the_wire());
    if config.get_application_name().is_none() {
        config.application_name("rouse");
    }
    Ok((config, mode))
}

/// What the parser says may hold parts of the text, which is a secret.
fn unreadable(error: &tokio_postgres::Error) -> OpenError {
    let says = error.source().map(ToString::to_string).unwrap_or_default();
    let unknown = NOT_SERVED.iter().find(|name| says.contains(&format!("`{name}`")));
    OpenError::parameter(
        "connection",
        match unknown {
            Some(name) => format!("has {name}, which is not served"),
            None => "is neither postgres://user:password@host:port/database nor host=... port=... user=... \
                     dbname=... password=... with settings that are known"
                .to_owned(),
        },
    )
}

/// `host:port/database`, of all hosts.
fn name(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |n: usize| ports.get(n).or(ports.first()).copied().unwrap_or(5432);
    let hosts = config.get_hosts().iter().enumerate().map(|(n, host)| match host {
        Host::Tcp(host) => format!("{host}:{}", port(n)),
        Host::Unix(path) => path.display().to_string(),
    });
    let mut all: Vec<String> = hosts.collect();
    if all.is_empty() {
        all = config.get_hostaddrs().iter().enumerate().map(|(n, host)| format!("{host}:{}", port(n))).collect();
    }
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("{}/{database}", all.join(","))
}

/// What `error` is about: the server, or what was asked.
pub(super) fn trouble(error: &tokio_postgres::Error) -> Trouble {
    let Some(said) = error.as_db_error() else {
        let why = error.source().map(|why| format!(": {why}")).unwrap_or_default();
        let text = format!("{error}{why}");
        return if cause::is_tls(error) { Trouble::Question(text) } else { Trouble::Server(text) };
    };
    let code = said.code().code();
    // 28: logins, whose messages hold the user's name.
    let message = if code.starts_with("28") { "login refused" } else { said.message() };
    let text = format!("{message} ({code})");
    // 08: connections; 53: out of something; 57P: shutting down, or not yet up.
    let is_server = ["08", "53", "57P"].iter().any(|class| code.starts_with(class));
    if is_server { Trouble::Server(text) } else { Trouble::Question(text) }
}

#[cfg(test)]
mod tests {
    use config::keda::Secret;

    use super::*;

    fn opened(text: &str) -> Result<Client, OpenError> {
        Client::new(&Connection::Text(Secret::new(text)))
    }

    #[test]
    fn a_url_and_words_and_parts_name_the_same_server() {
        let parts = Connection::Parts {
            host: "db".to_owned(),
            port: "5433".to_owned(),
            user: "u".to_owned(),
            database: "jobs".to_owned(),
            ssl_mode: "disable".to_owned(),
            password: Secret::new("hunter2"),
        };
        let url = opened("postgres://u:hunter2@db:5433/jobs?sslmode=disable").unwrap();
        let words = opened("host=db port=5433 user=u dbname=jobs sslmode=disable password=hunter2").unwrap();
        let parts = Client::new(&parts).unwrap();
        for client in [&url, &words, &parts] {
            assert_eq!(format!("{client:?}"), "Client(\"db:5433/jobs\")");
            assert_eq!(client.config.get_password(), Some(&b"hunter2"[..]));
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_and_the_text_is_not_shown() {
        let problem = |text| opened(text).unwrap_err().to_string();
        assert_eq!(
            problem("host=db sslmode=disable sslrootcert=/ca password=hunter2"),
            "connection: has sslrootcert, which is not served"
        );
        for text in
            ["hunter2", "host=db hunter2=1", "postgres://u:hunter2@db:port/x", "host=db port=hunter2", "user=hunter2"]
        {
            let problem = problem(text);
            assert!(problem.starts_with("connection: ") && !problem.contains("hunter2"), "{problem}");
        }
    }
}
