//! `gcp-storage`

use config::keda::Secret;

use super::parameters::{Parameters, at_least, hidden, plain};

/// The objects of a bucket of Google Cloud Storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GcpStorage {
    /// `bucketName`
    pub bucket: String,
    /// `blobPrefix`: only objects whose names begin with it count.
    pub prefix: Option<String>,
    /// `blobDelimiter`: what comes after it in a name makes an object one of a folder, which does not count.
    pub delimiter: Option<String>,
    /// `targetObjectCount` (100): what one pod should carry.
    pub target: u64,
    /// `activationTargetObjectCount` (0)
    pub activation: u64,
    /// `maxBucketItemsToScan` (1000): after so many nobody counts further.
    pub most: u64,
    /// Who is asking.
    pub credentials: GcpCredentials,
}

/// A service account's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GcpCredentials {
    /// As it is, in JSON.
    Json(Secret),
    /// In a file of the autoscaler's.
    File(String),
}

impl GcpStorage {
    pub(super) fn read(parameters: &mut Parameters<'_>) -> Option<GcpStorage> {
        let bucket = parameters.needed_text(plain("bucketName"));
        let credentials = GcpCredentials::read(parameters);
        Some(GcpStorage {
            prefix: parameters.text(plain("blobPrefix")),
            delimiter: parameters.text(plain("blobDelimiter")),
            target: parameters.parsed(plain("targetObjectCount"), at_least(1)).unwrap_or(100),
            activation: parameters.parsed(plain("activationTargetObjectCount"), at_least(0)).unwrap_or(0),
            most: parameters.parsed(plain("maxBucketItemsToScan"), at_least(1)).unwrap_or(1000),
            bucket: bucket?,
            credentials: credentials?,
        })
    }
}

/// The parameter of a TriggerAuthentication, and how a tutorial spells it.
const KEY: &str = "GoogleApplicationCredentials";
const MISSPELT: &str = "GoogleApplicationCredentails";

impl GcpCredentials {
    fn read(parameters: &mut Parameters<'_>) -> Option<GcpCredentials> {
        const IN_FILE: &str = "credentialsFromEnvFile";
        parameters.ask(IN_FILE);
        if let Some(json) = parameters.secret(hidden(KEY).instead(&[MISSPELT])) {
            return Some(GcpCredentials::Json(json));
        }
        if let Some(json) = parameters.secret(hidden("credentials")) {
            return Some(GcpCredentials::Json(json));
        }
        let Some(variable) = parameters.metadata().get(IN_FILE) else {
            let message = format!("is missing: put {KEY} into the TriggerAuthentication, or write credentialsFromEnv");
            parameters.refuse("credentialsFromEnv", message);
            return None;
        };
        let Some(path) = parameters.variable(variable) else {
            parameters.refuse(IN_FILE, format!("{variable:?} is no variable of the container"));
            return None;
        };
        Some(GcpCredentials::File(path.expose().to_owned()))
    }
}
