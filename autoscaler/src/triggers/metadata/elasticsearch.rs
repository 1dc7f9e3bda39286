//! `elasticsearch`

use std::collections::BTreeMap;
use std::time::Duration;

use config::keda::Secret;

use super::parameters::{Name, Parameters, anywhere, hidden, plain, positive};
use super::{Endpoint, Nulls, http, text};
use crate::triggers::measure::location::Location;

/// A search of Elasticsearch.
#[derive(Clone, Debug, PartialEq)]
pub struct Elasticsearch {
    /// Where it is, and who is asking.
    pub server: ElasticsearchServer,
    /// `index`, separated by `;` where it is written.
    pub indexes: Vec<String>,
    /// What is searched for.
    pub search: Search,
    /// `valueLocation`: where in the answer the number is.
    pub value_location: String,
    /// `targetValue`: what one pod should carry; more than 0.
    pub target: f64,
    /// `activationTargetValue` (0)
    pub activation: f64,
    /// `ignoreNullValues`; a failure where it is not written, as in KEDA.
    pub nulls: Nulls,
    /// `unsafeSsl`: whoever answers is trusted.
    pub insecure: bool,
    /// `timeout` (3 s)
    pub timeout: Duration,
}

/// Where an Elasticsearch is, and who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ElasticsearchServer {
    /// Some nodes of one cluster.
    Nodes {
        /// `addresses`
        addresses: Vec<Endpoint>,
        /// `username` and `password`
        login: Option<(Secret, Secret)>,
    },
    /// One in Elastic's own cloud.
    Cloud {
        /// `cloudID`
        id: String,
        /// `apiKey`
        key: Secret,
    },
}

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// `searchTemplateName`, and its `parameters`.
    Template {
        /// The template's name.
        name: String,
        /// What it is filled with.
        parameters: Vec<(String, String)>,
    },
    /// `query`, in JSON.
    Query(String),
}

impl Elasticsearch {
    pub(super) fn read(parameters: &mut Parameters<'_>) -> Option<Elasticsearch> {
        let server = ElasticsearchServer::read(parameters);
        let indexes = parameters.needed(anywhere("index"), |text| Ok(text::list(text, ';')));
        let search = Search::read(parameters);
        let known =
            |text: &str| text.parse::<Location>().map(|_| text.to_owned()).map_err(|problem| problem.to_string());
        let value_location = parameters.needed(anywhere("valueLocation"), known);
        let target = parameters.needed(anywhere("targetValue").instead(&["threshold"]), positive);
        Some(Elasticsearch {
            activation: parameters.float(anywhere("activationTargetValue")).unwrap_or(0.0),
            nulls: match Nulls::read(parameters) {
                Nulls::NoData => Nulls::Failure,
                written => written,
            },
            insecure: parameters.switch(plain("unsafeSsl")),
            timeout: http::timeout(parameters),
            server: server?,
            indexes: indexes?,
            search: search?,
            value_location: value_location?,
            target: target?,
        })
    }
}

impl ElasticsearchServer {
    /// `addresses` with a login, or `cloudID` with a key; not both.
    fn read(parameters: &mut Parameters<'_>) -> Option<ElasticsearchServer> {
        let urls =
            |text: &str| text::list(text, ',').iter().map(|url| Endpoint::read(url, &["http", "https"])).collect();
        let secret = |text: &str| Ok(Secret::new(text));
        let (by_address, by_id) = (parameters.has(anywhere("addresses")), parameters.has(anywhere("cloudID")));
        let addresses = parameters.parsed_unseen(anywhere("addresses"), urls);
        let username = parameters.secret(anywhere("username"));
        let password = parameters.secret(hidden("password"));
        parameters.ask("apiKey");
        if by_address && by_id {
            parameters.refuse("cloudID", "excludes addresses");
        }
        if by_id {
            let key = parameters.needed_unseen(hidden("apiKey"), secret);
            return Some(ElasticsearchServer::Cloud { id: parameters.text(anywhere("cloudID"))?, key: key? });
        }
        if !by_address {
            parameters.refuse("addresses", "is missing: write it, or cloudID");
        }
        if username.is_some() && password.is_none() {
            parameters.refuse("password", "is missing: username needs it, in the TriggerAuthentication");
        }
        Some(ElasticsearchServer::Nodes { addresses: addresses?, login: username.zip(password) })
    }
}

impl Search {
    fn read(parameters: &mut Parameters<'_>) -> Option<Search> {
        let template = parameters.text(anywhere("searchTemplateName"));
        let query =
            parameters.parsed(anywhere("query"), |text| match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                Ok(_) => Ok(text.to_owned()),
                Err(error) => Err(format!("is not JSON: {error}")),
            });
        let has_query = parameters.has(anywhere("query"));
        let filled = filled(parameters);
        match (template, query) {
            (Some(_), _) if has_query => parameters.refuse("query", "excludes searchTemplateName"),
            (Some(name), _) => return Some(Search::Template { name, parameters: filled }),
            (None, Some(query)) => return Some(Search::Query(query)),
            (None, None) if !has_query => parameters.refuse("searchTemplateName", "is missing: write it, or query"),
            (None, None) => {}
        }
        None
    }
}

/// `parameters`, as `name:value;name:value`; or `params`, as a tutorial writes it, in JSON.
fn filled(parameters: &mut Parameters<'_>) -> Vec<(String, String)> {
    const WRITTEN: Name = plain("parameters").instead(&["params"]);
    let read = parameters.parsed_unseen(WRITTEN, |text| {
        if text.starts_with('{') {
            return in_json(text);
        }
        let pair = |part: String| {
            let (name, value) = part.split_once(':').ok_or("is not a list: write name:value;name:value")?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        };
        text::list(text, ';').into_iter().map(pair).collect()
    });
    read.unwrap_or_default()
}

fn in_json(text: &str) -> Result<Vec<(String, String)>, String> {
    let fields: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|_| "is not a JSON object: write name:value;name:value")?;
    let value = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => Err("has a value that is no text".to_owned()),
        scalar => Ok(scalar.to_string()),
    };
    fields.into_iter().map(|(name, field)| Ok((name, value(field)?))).collect()
}
