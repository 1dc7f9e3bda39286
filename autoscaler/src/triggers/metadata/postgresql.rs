//! `postgresql`

use config::keda::Secret;

use super::parameters::{Name, Parameters, anywhere, hidden, plain, positive};

/// A query of a PostgreSQL server.
#[derive(Clone, Debug, PartialEq)]
pub struct Postgresql {
    /// How to connect.
    pub connection: Connection,
    /// `query`, whose first column of the first row is a number.
    pub query: String,
    /// `targetQueryValue`: what one pod should carry; more than 0.
    pub target: f64,
    /// `activationTargetQueryValue` (0).
    pub activation: f64,
    /// `notifyChannel` (not KEDA's): a channel on which the server is listened to for `NOTIFY`, rather than polled only.
    pub notify_channel: Option<String>,
}

/// How to connect to PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// `connection`: a URL, or words as in [`Connection::to_text`].
    Text(Secret),
    /// Each part on its own.
    Parts {
        /// `host`
        host: String,
        /// `port`
        port: String,
        /// `userName`
        user: String,
        /// `dbName`
        database: String,
        /// `sslmode`
        ssl_mode: String,
        /// `password`
        password: Secret,
    },
}

/// `sslmode`, as libpq knows it.
const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

impl Postgresql {
    pub(super) fn read(parameters: &mut Parameters<'_>) -> Option<Postgresql> {
        let connection = Connection::read(parameters);
        let query = parameters.needed_text(plain("query"));
        let target = parameters.needed(anywhere("targetQueryValue"), positive);
        let activation = parameters.float(plain("activationTargetQueryValue")).unwrap_or(0.0);
        let notify_channel = parameters.text(plain("notifyChannel"));
        Some(Postgresql { connection: connection?, query: query?, target: target?, activation, notify_channel })
    }
}

impl Connection {
    fn read(parameters: &mut Parameters<'_>) -> Option<Connection> {
        const CONNECTION: Name = hidden("connection");
        const PARTS: [&str; 5] = ["host", "port", "userName", "dbName", "sslmode"];
        let has = |name: &str| parameters.metadata().contains_key(name);
        if has("connection") || has("connectionFromEnv") || parameters.has(CONNECTION) {
            for part in PARTS {
                if parameters.has(anywhere(part)) {
                    parameters.refuse(part, "is given beside connection, which says it already");
                }
            }
            parameters.ask("password");
            return parameters.needed_unseen(CONNECTION, |text| Ok(Connection::Text(Secret::new(text))));
        }
        if !PARTS.iter().any(|part| parameters.has(anywhere(part))) {
            let message = "is missing: it belongs into the TriggerAuthentication or connectionFromEnv; or write host, \
                           port, userName, dbName and sslmode";
            parameters.refuse("connection", message);
            return None;
        }
        let ssl_mode = |text: &str| match SSL_MODES.contains(&text) {
            true => Ok(text.to_owned()),
            false => Err(format!("is not allowed: it must be one of {}", SSL_MODES.join(", "))),
        };
        let port =
            |text: &str| text.parse::<u16>().map(|port| port.to_string()).map_err(|_| "is not a port".to_owned());
        let [host, user, database] = ["host", "userName", "dbName"].map(|part| parameters.needed_text(anywhere(part)));
        let port = parameters.needed(anywhere("port"), port);
        let ssl_mode = parameters.needed(anywhere("sslmode"), ssl_mode);
        let password = parameters.secret(hidden("password")).unwrap_or_default();
        Some(Connection::Parts {
            host: host?,
            port: port?,
            user: user?,
            database: database?,
            ssl_mode: ssl_mode?,
            password,
        })
    }

    /// As libpq reads it: a URL, or `host=… port=… user=… dbname=… sslmode=… password=…`.
    pub fn to_text(&self) -> Secret {
        match self {
            Connection::Text(text) => text.clone(),
            Connection::Parts { password, .. } => {
                let mut words = self.words();
                words.push(format!("password={}", escape(password.expose())));
                Secret::new(words.join(" "))
            }
        }
    }

    /// The words of the parts, but for the password.
    pub fn words(&self) -> Vec<String> {
        let Connection::Parts { host, port, user, database, ssl_mode, .. } = self else { return Vec::new() };
        [("host", host), ("port", port), ("user", user), ("dbname", database), ("sslmode", ssl_mode)]
            .map(|(name, value)| format!("{name}={}", escape(value)))
            .to_vec()
    }
}

/// A value of libpq's: in quotes if it has white space, quotes or backslashes, these with a backslash before them.
pub fn escape(value: &str) -> String {
    if !value.contains(|c: char| c.is_whitespace() || c == '\'' || c == '\\') {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}
