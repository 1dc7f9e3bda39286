//! The client of the apiserver, which counts what it asks for: that nothing is read but by watches is a promise.

use http::{Method, Request, Uri};
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tower::util::MapRequestLayer;

use crate::exposition;

/// A client by the pod's service account, or by KUBECONFIG.
///
/// # Errors
/// When there is neither, or what it says cannot be used.
pub async fn connect() -> Result<Client, Box<kube::Error>> {
    let mut config = Config::infer().await.map_err(|error| Box::new(kube::Error::InferConfig(error)))?;
    // Whoever asks tries again, with its own back-off: here it would be neither limited nor counted.
    config.default_retry = false;
    let counted = MapRequestLayer::new(|request: Request<Body>| {
        exposition::kube_request(verb(request.method(), request.uri()), resource(request.uri().path()));
        request
    });
    Ok(ClientBuilder::try_from(config)?.with_layer(&counted).build())
}

fn verb(method: &Method, uri: &Uri) -> &'static str {
    let mut query = uri.query().unwrap_or_default().split('&');
    match *method {
        Method::GET if query.any(|pair| matches!(pair, "watch=true" | "watch=1")) => "watch",
        Method::GET | Method::HEAD => "read",
        _ => "write",
    }
}

/// The plural by which the path of a request names its objects (`pods`); empty for what is about no objects.
fn resource(path: &str) -> &str {
    let mut segments = path.trim_start_matches('/').split('/');
    let skipped = match segments.next() {
        Some("api") => 1,
        Some("apis") => 2,
        _ => return "",
    };
    let mut rest = segments.skip(skipped);
    match (rest.next(), rest.next(), rest.next()) {
        (Some("namespaces"), Some(_), Some(plural)) | (Some(plural), ..) => plural,
        (None, ..) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_by_verb_and_by_what_they_are_about() {
        let told = |method: Method, uri: &'static str| {
            let uri = Uri::from_static(uri);
            (verb(&method, &uri), resource(uri.path()).to_owned())
        };
        let expect = |verb: &'static str, resource: &str| (verb, resource.to_owned());
        assert_eq!(told(Method::GET, "/api/v1/pods?labelSelector=a&watch=true"), expect("watch", "pods"));
        assert_eq!(told(Method::GET, "/api/v1/pods?limit=500"), expect("read", "pods"));
        assert_eq!(told(Method::GET, "/api/v1/namespaces/a/pods/b/log"), expect("read", "pods"));
        assert_eq!(told(Method::GET, "/api/v1/namespaces/a"), expect("read", "namespaces"));
        let scale = "/apis/apps/v1/namespaces/a/deployments/b/scale";
        assert_eq!(told(Method::PATCH, scale), expect("write", "deployments"));
        assert_eq!(told(Method::GET, "/apis/apps/v1/deployments"), expect("read", "deployments"));
        assert_eq!(told(Method::GET, "/apis/apps/v1"), expect("read", ""));
        assert_eq!(told(Method::GET, "/openid/v1/jwks"), expect("read", ""));
    }
}
