//! Another crate reads what is written here, and writes what is read here.

use bytes::BytesMut;
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use proptest::prelude::*;

use super::*;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// How another reads `question`.
fn asked<Q: Question, T: Decodable>(question: &Q) -> T {
    let mut writer = Writer::default();
    question.write(&mut writer);
    let mut frame = writer.finish().slice(4..);
    let read = T::decode(&mut frame, Q::KIND.1).unwrap();
    assert!(frame.is_empty(), "nothing is left over");
    read
}

/// How we read what another writes.
fn answered<Q: Question>(answer: &impl Encodable) -> Q::Answer {
    let mut frame = BytesMut::new();
    answer.encode(&mut frame, Q::KIND.1).unwrap();
    let mut reader = Reader::new(frame.freeze());
    let read = Q::read(&mut reader).unwrap();
    assert_eq!(reader.i16(), Err(Garbled), "nothing is left over");
    read
}

fn of() -> Vec<Partitions> {
    vec![Partitions { topic: "orders".to_owned(), partitions: vec![0, 7] }]
}

#[test]
fn another_reads_our_questions() {
    let metadata: theirs::MetadataRequest = asked(&Metadata { topics: &["orders".to_owned()] });
    assert!(!metadata.allow_auto_topic_creation);
    assert_eq!(metadata.topics.unwrap()[0].name.as_ref().unwrap().as_str(), "orders");
    let coordinator: theirs::FindCoordinatorRequest = asked(&FindCoordinator { group: "g" });
    assert_eq!((coordinator.key.as_str(), coordinator.key_type), ("g", 0));
    let offsets: theirs::OffsetFetchRequest = asked(&OffsetFetch { group: "g", of: Some(&of()) });
    assert_eq!(offsets.topics.unwrap()[0].partition_indexes, [0, 7]);
    let offsets: theirs::OffsetFetchRequest = asked(&OffsetFetch { group: "g", of: None });
    assert_eq!((offsets.group_id.as_str(), offsets.topics), ("g", None));
    for (end, time) in [(End::Latest, -1), (End::Earliest, -2)] {
        let ends: theirs::ListOffsetsRequest = asked(&ListOffsets { of: &of(), end });
        let partition = &ends.topics[0].partitions[1];
        assert_eq!((ends.replica_id.0, partition.partition_index, partition.timestamp), (-1, 7, time));
    }
    let handshake: theirs::SaslHandshakeRequest = asked(&SaslHandshake { mechanism: "PLAIN" });
    assert_eq!(handshake.mechanism.as_str(), "PLAIN");
    let step: theirs::SaslAuthenticateRequest = asked(&SaslAuthenticate { says: b"\0me\0hunter2".to_vec() });
    assert_eq!(&step.auth_bytes[..], b"\0me\0hunter2");
}

#[test]
fn we_read_the_answers_of_another_about_a_cluster() {
    let broker = theirs::metadata_response::MetadataResponseBroker::default()
        .with_node_id(theirs::BrokerId(4))
        .with_host(text("kafka"))
        .with_port(9092)
        .with_rack(Some(text("a rack")));
    let partition = theirs::metadata_response::MetadataResponsePartition::default()
        .with_partition_index(2)
        .with_leader_id(theirs::BrokerId(4))
        .with_replica_nodes(vec![theirs::BrokerId(4), theirs::BrokerId(5)]);
    let topic = theirs::metadata_response::MetadataResponseTopic::default()
        .with_name(Some(theirs::TopicName(text("orders"))))
        .with_partitions(vec![partition]);
    let answer = theirs::MetadataResponse::default().with_brokers(vec![broker]).with_topics(vec![topic]);
    let address = Address { broker: 4, host: "kafka".to_owned(), port: 9092 };
    let partition = Partition { error: 0, number: 2, leader: 4 };
    let topic = Topic { error: 0, name: "orders".to_owned(), partitions: vec![partition] };
    let cluster = Cluster { brokers: vec![address.clone()], topics: vec![topic] };
    assert_eq!(answered::<Metadata<'_>>(&answer), cluster);
    let answer = theirs::FindCoordinatorResponse::default()
        .with_error_code(15)
        .with_error_message(Some(text("not now")))
        .with_node_id(theirs::BrokerId(4))
        .with_host(text("kafka"))
        .with_port(9092);
    assert_eq!(answered::<FindCoordinator<'_>>(&answer), (15, address));
}

#[test]
fn we_read_the_answers_of_another_about_offsets_and_logins() {
    let partition = theirs::offset_fetch_response::OffsetFetchResponsePartition::default()
        .with_partition_index(3)
        .with_committed_offset(42)
        .with_metadata(Some(text("by me")))
        .with_error_code(5);
    let topic = theirs::offset_fetch_response::OffsetFetchResponseTopic::default()
        .with_name(theirs::TopicName(text("orders")))
        .with_partitions(vec![partition]);
    let answer = theirs::OffsetFetchResponse::default().with_topics(vec![topic]).with_error_code(16);
    let at = At { topic: "orders".to_owned(), partition: 3, error: 5, offset: 42 };
    assert_eq!(answered::<OffsetFetch<'_>>(&answer), (16, vec![at.clone()]));
    let partition = theirs::list_offsets_response::ListOffsetsPartitionResponse::default()
        .with_partition_index(3)
        .with_offset(42)
        .with_error_code(5);
    let topic = theirs::list_offsets_response::ListOffsetsTopicResponse::default()
        .with_name(theirs::TopicName(text("orders")))
        .with_partitions(vec![partition]);
    let answer = theirs::ListOffsetsResponse::default().with_topics(vec![topic]);
    assert_eq!(answered::<ListOffsets<'_>>(&answer), vec![at]);
    let answer = theirs::SaslHandshakeResponse::default().with_error_code(33).with_mechanisms(vec![text("PLAIN")]);
    assert_eq!(answered::<SaslHandshake>(&answer), (33, vec!["PLAIN".to_owned()]));
    let answer = theirs::SaslAuthenticateResponse::default()
        .with_error_code(58)
        .with_error_message(Some(text("no")))
        .with_auth_bytes(Bytes::from_static(b"x"));
    let step = SaslStep { error: 58, why: Some("no".to_owned()), says: Bytes::from_static(b"x") };
    assert_eq!(answered::<SaslAuthenticate>(&answer), step);
}

proptest! {
    /// Whatever a broker sends, nothing breaks, and no more is kept than was sent.
    #[test]
    fn no_answer_is_too_strange(frame in prop::collection::vec(any::<u8>(), 0..200)) {
        let reader = || Reader::new(Bytes::from(frame.clone()));
        let _read = (Metadata::read(&mut reader()), OffsetFetch::read(&mut reader()), ListOffsets::read(&mut reader()));
        let _read = (FindCoordinator::read(&mut reader()), SaslHandshake::read(&mut reader()));
        let _read = SaslAuthenticate::read(&mut reader());
    }

    /// A list says how long it is; it is believed when it is there.
    #[test]
    fn a_list_that_lies_about_its_length_is_garbled(length in 1..=i32::MAX) {
        let frame = Bytes::from(length.to_be_bytes().to_vec());
        prop_assert_eq!(Reader::new(frame).list(Reader::i32), Err(Garbled));
    }
}
