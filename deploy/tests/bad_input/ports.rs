//! Ports that are taken.

use std::net::TcpListener;

use crate::rouse::{Ended, Folder};

/// A Deployment and its Service.
fn served(name: &str, port: u16) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: {name} }}\nspec:\n  template:\n    metadata: {{ \
         labels: {{ app: {name} }} }}\n    spec: {{ containers: [{{ command: [rouse, sample] }}] }}\n---\napiVersion: \
         v1\nkind: Service\nmetadata: {{ name: {name} }}\nspec: {{ selector: {{ app: {name} }}, ports: [{{ port: \
         {port} }}] }}\n---\n"
    )
}

/// What `rouse run` says when it cannot have a port.
#[track_caller]
fn fails(manifest: &str, listen: &str, admin: &str, said: &str) {
    let ended = Folder::with(manifest).rouse(&["run", "--listen", listen, "--admin", admin, "app.yaml"]);
    assert_eq!(ended, Ended { code: Some(1), out: String::new(), err: said.to_owned() });
}

const ANY: &str = "127.0.0.1:0";

#[test]
fn a_port_in_use_is_named_with_what_to_change() {
    let taken = TcpListener::bind(ANY).unwrap();
    let address = taken.local_addr().unwrap();
    let (hello, at) = (served("hello", address.port()), address.to_string());
    let in_use = format!("{address} is in use by another process");
    fails(&hello, &at, ANY, &format!("rouse: the gateway: {in_use}: choose another with --listen\n"));
    fails(&hello, ANY, &at, &format!("rouse: the admin port: {in_use}: choose another with --admin\n"));
    let what = format!("app.yaml: Deployment default/hello: Service port {}", address.port());
    fails(&hello, ANY, ANY, &format!("rouse: {what}: {in_use}: change the Service's `port`\n"));
}

#[test]
fn two_workloads_cannot_share_a_port_of_one_machine() {
    let free = TcpListener::bind(ANY).unwrap().local_addr().unwrap().port();
    let said = format!(
        "rouse: app.yaml: Deployment default/other: Service port {free} is also a port of app.yaml: Deployment \
         default/hello; on one machine each needs its own\n"
    );
    fails(&(served("hello", free) + &served("other", free)), ANY, ANY, &said);
}
