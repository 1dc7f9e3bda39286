//! SASL: how one logs in at a broker.

use autoscaler::triggers::metadata::{Sasl, SaslMechanism};
use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use config::keda::Secret;
use ring::rand::{SecureRandom, SystemRandom};

use super::connection::Connection;
use super::messages::{SaslAuthenticate, SaslHandshake};
use super::oauth::OAuth;
use super::scram::{Hash, Refused, Scram};
use super::{OpenError, Pool, Trouble};

/// Who one is, and how one shows it.
pub(super) struct Login {
    mechanism: Mechanism,
    user: Secret,
    password: Secret,
}

enum Mechanism {
    Plain,
    Scram(Hash),
    OAuth(OAuth),
}

/// The broker's number for a mechanism that it has not.
const UNSUPPORTED_MECHANISM: i16 = 33;

impl Login {
    pub(super) fn new(sasl: &Sasl, pool: &Pool) -> Result<Login, OpenError> {
        let mechanism = match &sasl.mechanism {
            SaslMechanism::Plain => Mechanism::Plain,
            SaslMechanism::ScramSha256 => Mechanism::Scram(Hash::Sha256),
            SaslMechanism::ScramSha512 => Mechanism::Scram(Hash::Sha512),
            SaslMechanism::OauthBearer { token_endpoint, scopes, extensions } => {
                Mechanism::OAuth(OAuth::new(token_endpoint, scopes, extensions, pool)?)
            }
        };
        Ok(Login { mechanism, user: sasl.username.clone(), password: sasl.password.clone() })
    }

    /// Logs in.
    pub(super) async fn log_in(&self, connection: &mut Connection) -> Result<(), Trouble> {
        let mechanism = match &self.mechanism {
            Mechanism::Plain => "PLAIN",
            Mechanism::OAuth(_) => "OAUTHBEARER",
            Mechanism::Scram(Hash::Sha256) => "SCRAM-SHA-256",
            Mechanism::Scram(Hash::Sha512) => "SCRAM-SHA-512",
        };
        let (error, known) = connection.ask(&SaslHandshake { mechanism }).await?;
        if error == UNSUPPORTED_MECHANISM {
            return Err(Trouble::Question(format!("there is no {mechanism}, only {}", known.join(", "))));
        }
        super::all_well(error).map_err(|why| Trouble::Question(format!("login: {why}")))?;
        match &self.mechanism {
            Mechanism::Plain => {
                let says = format!("\0{}\0{}", self.user.expose(), self.password.expose());
                step(connection, says).await.map(|_| ())
            }
            Mechanism::Scram(hash) => self.scram(*hash, connection).await,
            Mechanism::OAuth(oauth) => self.bearer(oauth, connection).await,
        }
    }

    /// RFC 7628: a broker that refuses the token says why, and ends the login once it has heard that this was heard.
    async fn bearer(&self, oauth: &OAuth, connection: &mut Connection) -> Result<(), Trouble> {
        let token = oauth.token(&self.user, &self.password).await.map_err(Trouble::Question)?;
        let said = step(connection, oauth.first(&token)).await.inspect_err(|_| oauth.forget(&token))?;
        if said.is_empty() {
            return Ok(());
        }
        oauth.forget(&token);
        step(connection, "\x01".to_owned()).await?;
        Err(Trouble::Question("login refused: the broker does not take the token".to_owned()))
    }

    async fn scram(&self, hash: Hash, connection: &mut Connection) -> Result<(), Trouble> {
        let scram = Scram::new(hash, self.user.expose(), self.password.clone(), nonce()?);
        let refused = |refused: Refused| Trouble::Question(format!("login: {refused}"));
        let first = step(connection, scram.first()).await?;
        let (last, expected) = scram.last(&first).map_err(refused)?;
        let said = step(connection, last).await?;
        expected.check(&said).map_err(refused)
    }
}

/// Says one thing, and hears what the broker says to it.
async fn step(connection: &mut Connection, says: String) -> Result<bytes::Bytes, Trouble> {
    let step = connection.ask(&SaslAuthenticate { says: says.into_bytes() }).await?;
    super::all_well(step.error).map_err(|code| {
        let why = step.why.unwrap_or(code);
        Trouble::Question(format!("login refused: {why}"))
    })?;
    Ok(step.says)
}

fn nonce() -> Result<String, Trouble> {
    let mut random = [0; 18];
    SystemRandom::new().fill(&mut random).map_err(|_| Trouble::Question("no random numbers to log in".to_owned()))?;
    Ok(BASE64.encode(random))
}
