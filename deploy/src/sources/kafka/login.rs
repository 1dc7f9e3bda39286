//! SASL: how one logs in at a broker.

use autoscaler::triggers::metadata::{Sasl, SaslMechanism};
use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use config::keda::Secret;
use ring::rand::{SecureRandom, SystemRandom};

use super::connection::Connection;
use super::messages::{SaslAuthenticate, SaslHandshake};
use super::scram::{Hash, Refused, Scram};
use super::{OpenError, Trouble};

/// Who one is, and how one shows it.
pub(super) struct Login {
    mechanism: Mechanism,
    user: Secret,
    password: Secret,
}

#[derive(Clone, Copy)]
enum Mechanism {
    Plain,
    Scram(Hash),
}

/// The broker's number for a mechanism that it has not.
const UNSUPPORTED_MECHANISM: i16 = 33;

impl Login {
    pub(super) fn new(sasl: &Sasl) -> Result<Login, OpenError> {
        let mechanism = match &sasl.mechanism {
            SaslMechanism::Plain => Mechanism::Plain,
            SaslMechanism::ScramSha256 => Mechanism::Scram(Hash::Sha256),
            SaslMechanism::ScramSha512 => Mechanism::Scram(Hash::Sha512),
            SaslMechanism::OauthBearer { .. } => {
                return Err(OpenError::parameter(
                    "sasl",
                    "oauthbearer is not served yet: write plaintext or scram_sha512",
                ));
            }
        };
        Ok(Login { mechanism, user: sasl.username.clone(), password: sasl.password.clone() })
    }

    /// Logs in.
    pub(super) async fn log_in(&self, connection: &mut Connection) -> Result<(), Trouble> {
        let mechanism = match self.mechanism {
            Mechanism::Plain => "PLAIN",
            Mechanism::Scram(Hash::Sha256) => "SCRAM-SHA-256",
            Mechanism::Scram(Hash::Sha512) => "SCRAM-SHA-512",
        };
        let (error, known) = connection.ask(&SaslHandshake { mechanism }).await?;
        if error == UNSUPPORTED_MECHANISM {
            return Err(Trouble::Question(format!("there is no {mechanism}, only {}", known.join(", "))));
        }
        super::all_well(error).map_err(|why| Trouble::Question(format!("login: {why}")))?;
        match self.mechanism {
            Mechanism::Plain => {
                let says = format!("\0{}\0{}", self.user.expose(), self.password.expose());
                step(connection, says).await.map(|_| ())
            }
            Mechanism::Scram(hash) => self.scram(hash, connection).await,
        }
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
