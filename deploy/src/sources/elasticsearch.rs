//! `elasticsearch`: a search, and a number in its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use autoscaler::triggers::Reading;
use autoscaler::triggers::measure::elasticsearch::searched;
use autoscaler::triggers::measure::location::{BadLocation, Location};
use autoscaler::triggers::metadata::{self, ElasticsearchServer, Search, Tls};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use config::bounds;
use config::keda::Secret;
use futures_core::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::json;
use tokio::time::Instant;

use super::http::{Address, Asker, Credentials, Question, escaped};
use super::{Answer, Key, Look, OpenError, Pool, Server, Slot, Source};

#[derive(Debug)]
pub(super) struct Elasticsearch {
    trigger: metadata::Elasticsearch,
    at: Location,
    /// One a node, of which each knows the same. Never empty.
    nodes: Vec<Asker>,
    /// The node that is asked next: the last one that answered.
    node: AtomicUsize,
    path: String,
    body: String,
    key: Key,
    slot: Arc<Slot<Reading>>,
}

impl Elasticsearch {
    pub(super) fn open(trigger: &metadata::Elasticsearch, pool: &Pool) -> Result<Elasticsearch, OpenError> {
        let at: Result<Location, BadLocation> = trigger.value_location.parse();
        let at = at.map_err(|why| OpenError::parameter("valueLocation", why.to_string()))?;
        let nodes = nodes(trigger, pool)?;
        let (path, body) = search(&trigger.indexes, &trigger.search);
        let first = nodes.first().ok_or_else(|| OpenError::parameter("addresses", "is empty"))?;
        let more = format!("{:?} {}", trigger.nulls, trigger.activation);
        let key = first.key().with([&path, &body, &trigger.value_location, &more]);
        let slot = pool.slot(key)?;
        Ok(Elasticsearch { trigger: trigger.clone(), at, nodes, node: AtomicUsize::new(0), path, body, key, slot })
    }

    /// Asks one node, and those after it while there is time.
    async fn ask(&self, deadline: Instant) -> Result<Reading, String> {
        let mut trouble = String::new();
        for _ in &self.nodes {
            match self.ask_one(deadline).await {
                Ok(reading) => return Ok(reading),
                Err(why) => trouble = why,
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        Err(trouble)
    }

    async fn ask_one(&self, deadline: Instant) -> Result<Reading, String> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let question = Question {
            method: Method::POST,
            path: self.path.clone(),
            headers,
            body: self.body.clone().into(),
            most: bounds::SOURCE_ANSWER_BYTES,
        };
        let index = self.node.load(Ordering::Relaxed);
        let page = self.nodes[index].ask(question, deadline).await.inspect_err(|_| {
            self.node.store((index + 1) % self.nodes.len(), Ordering::Relaxed);
        })?;
        Ok(searched(page.status, &page.body, &self.at, self.trigger.nulls, self.trigger.activation))
    }
}

fn nodes(trigger: &metadata::Elasticsearch, pool: &Pool) -> Result<Vec<Asker>, OpenError> {
    let tls = Tls { insecure: trigger.insecure, ..Tls::default() };
    match &trigger.server {
        ElasticsearchServer::Cloud { id, key } => {
            let url = cloud_url(id);
            let url = url.ok_or_else(|| OpenError::parameter("cloudID", "is none: copy it from Elastic Cloud"))?;
            let (address, _) = Address::read(&url).map_err(|why| OpenError::parameter("cloudID", why))?;
            let mut credentials = Credentials::default();
            let key = Secret::new(format!("ApiKey {}", key.expose()));
            credentials.header("apiKey", "authorization", &key)?;
            Ok(vec![Asker::at(address, &tls, credentials, trigger.timeout, pool)?])
        }
        ElasticsearchServer::Nodes { addresses, login } => {
            let credentials = Credentials::default().or_login(login.clone())?;
            let node = |endpoint| Asker::new(("addresses", endpoint), &tls, credentials.clone(), trigger.timeout, pool);
            addresses.iter().map(node).collect()
        }
    }
}

/// Where the Elasticsearch of a cloud id is: `name:base64(host[:port]$elasticsearch$kibana)`.
fn cloud_url(id: &str) -> Option<String> {
    let (_, coded) = id.split_once(':')?;
    let decoded = String::from_utf8(BASE64_STANDARD.decode(coded.trim()).ok()?).ok()?;
    let mut parts = decoded.split('$');
    let (host, elasticsearch) = (parts.next()?, parts.next().filter(|part| !part.is_empty())?);
    let (host, port) = host.split_once(':').unwrap_or((host, "443"));
    let (elasticsearch, port) = elasticsearch.split_once(':').unwrap_or((elasticsearch, port));
    Some(format!("https://{elasticsearch}.{host}:{port}"))
}

/// Path and body of a search.
fn search(indexes: &[String], search: &Search) -> (String, String) {
    let indexes: Vec<String> = indexes.iter().map(|index| escaped(index).to_string()).collect();
    let indexes = indexes.join(",");
    match search {
        Search::Query(query) => (format!("/{indexes}/_search"), query.clone()),
        Search::Template { name, parameters } => {
            let parameters: serde_json::Map<_, _> =
                parameters.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            (format!("/{indexes}/_search/template"), json!({ "id": name, "params": parameters }).to_string())
        }
    }
}

impl Source for Elasticsearch {
    fn read(&self, look: Look) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let deadline = self.nodes[0].deadline();
            self.slot.read(look, deadline, self.ask(deadline)).await.unwrap_or_else(Reading::Failed).into()
        })
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn server(&self) -> Option<&Arc<Server>> {
        Some(self.nodes[0].server())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_with_text_and_a_query_goes_as_it_is() {
        let indexes = ["logs-*".to_owned(), "a/b".to_owned()];
        let template =
            Search::Template { name: "backlog".to_owned(), parameters: vec![("n".to_owned(), "5".to_owned())] };
        let (path, body) = search(&indexes, &template);
        assert_eq!(path, "/logs%2D%2A,a%2Fb/_search/template");
        assert_eq!(body, r#"{"id":"backlog","params":{"n":"5"}}"#);
        let query = Search::Query(r#"{"size": 0}"#.to_owned());
        assert_eq!(search(&indexes[..1], &query), ("/logs%2D%2A/_search".to_owned(), r#"{"size": 0}"#.to_owned()));
    }

    #[test]
    fn a_cloud_id_is_an_address() {
        let id = |text: &str| format!("name:{}", BASE64_STANDARD.encode(text));
        assert_eq!(cloud_url(&id("eu.elastic.co$abc$def")), Some("https://abc.eu.elastic.co:443".to_owned()));
        assert_eq!(cloud_url(&id("eu.elastic.co:9243$abc$")), Some("https://abc.eu.elastic.co:9243".to_owned()));
        for id in ["name", "name:%%", &id("host"), &id("host$$kibana")] {
            assert_eq!(cloud_url(id), None, "{id}");
        }
    }
}
