//! The injector: gives labelled pods a queue-proxy, and puts Rouse's key back into the selectors of its Services.
//!
//! [`pod`] and [`service`] are pure: an object in, a patch out, or what is wrong with it. [`review`] is what the apiserver
//! asks and is told, [`webhook`] answers it, [`server`] is the port where it calls, and [`bundle`] tells it to trust that.

mod admin;
pub mod bundle;
mod options;
pub mod pod;
pub mod quantity;
pub mod review;
mod run;
pub mod server;
pub mod service;
pub mod settings;
pub mod webhook;

pub use options::Options;
pub use run::run;
pub use settings::Injection;

use serde_json::{Map, Value};

/// A field of an object that is changed. Whatever is no object becomes one, since nothing else has fields.
fn field<'a>(object: &'a mut Value, name: &str) -> &'a mut Value {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    &mut object[name]
}
