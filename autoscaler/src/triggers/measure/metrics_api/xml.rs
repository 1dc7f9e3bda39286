//! An XML document in the shape of a JSON one, so that one kind of location finds its way in both.

use config::bounds;
use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Map, Value};

/// Reads `body`: an element is its text, or an object of what it holds; elements of one name are a list; attributes are
/// fields with a `-` before their name, and text beside them is `#text`.
pub(super) fn document(body: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the answer is not UTF-8".to_owned())?;
    // No DTD: entities that expand into others grow without bound.
    let options = ParsingOptions { allow_dtd: false, nodes_limit: bounds::XML_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| format!("the answer is not readable XML: {error}"))?;
    let root = document.root_element();
    Ok(Value::Object(Map::from_iter([(root.tag_name().name().to_owned(), element(root, 0)?)])))
}

fn element(node: Node<'_, '_>, depth: usize) -> Result<Value, String> {
    if depth > bounds::XML_DEPTH {
        return Err(format!("the answer's XML is nested deeper than {}", bounds::XML_DEPTH));
    }
    let mut fields = Map::new();
    for attribute in node.attributes() {
        fields.insert(format!("-{}", attribute.name()), Value::String(attribute.value().to_owned()));
    }
    for child in node.children().filter(Node::is_element) {
        put(&mut fields, child.tag_name().name(), element(child, depth + 1)?);
    }
    let text = node.text().unwrap_or_default().trim();
    if fields.is_empty() {
        return Ok(Value::String(text.to_owned()));
    }
    if !text.is_empty() {
        fields.insert("#text".to_owned(), Value::String(text.to_owned()));
    }
    Ok(Value::Object(fields))
}

/// Adds an element; a second of its name makes a list of it. (No element is a list by itself.)
fn put(fields: &mut Map<String, Value>, name: &str, value: Value) {
    match fields.get_mut(name) {
        None => _ = fields.insert(name.to_owned(), value),
        Some(Value::Array(all)) => all.push(value),
        Some(one) => *one = Value::Array(vec![one.take(), value]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_text_and_lists() {
        let json = document(br#"<r a="1"><q n="x">5</q><q>6</q><e/></r>"#).unwrap();
        assert_eq!(json, serde_json::json!({ "r": { "-a": "1", "q": [{ "-n": "x", "#text": "5" }, "6"], "e": "" } }));
    }

    #[test]
    fn entities_of_its_own_are_refused() {
        let bomb = br#"<!DOCTYPE r [<!ENTITY a "aaaa">]><r>&a;</r>"#;
        assert!(document(bomb).unwrap_err().starts_with("the answer is not readable XML"));
    }

    #[test]
    fn depth_has_a_bound() {
        let deep = format!("{}{}", "<a>".repeat(1_000), "</a>".repeat(1_000));
        assert!(document(deep.as_bytes()).is_err());
    }
}
