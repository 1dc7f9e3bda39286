//! Without a topic all topics count that the group has offsets of. This is a STUB: asked so, tansu answers with a part of
//! the message missing.

use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{OffsetFetchResponsePartition, OffsetFetchResponseTopic};
use kafka_protocol::messages::{
    BrokerId, FindCoordinatorResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest, MetadataResponse,
    OffsetFetchRequest, OffsetFetchResponse, TopicName,
};
use kafka_protocol::protocol::{Decodable, StrBytes};
use tokio::net::{TcpListener, TcpStream};

use super::login::{next_of, say};
use crate::opened::{opened, pool, read, trigger, value};

/// A group that has committed 3 of 10 in `a`, and all of the 10 in `b`.
async fn serve(stream: &mut TcpStream, port: i32) -> Option<()> {
    loop {
        let (header, mut asked) = next_of(stream).await?;
        let (number, version) = (header.correlation_id, header.request_api_version);
        match header.request_api_key {
            3 => {
                let topics = MetadataRequest::decode(&mut asked, version).unwrap().topics.unwrap();
                let partition = MetadataResponsePartition::default().with_leader_id(BrokerId(1));
                let topic =
                    |name| MetadataResponseTopic::default().with_name(name).with_partitions(vec![partition.clone()]);
                let host = StrBytes::from_static_str("127.0.0.1");
                let broker =
                    MetadataResponseBroker::default().with_node_id(BrokerId(1)).with_host(host).with_port(port);
                let topics = topics.into_iter().map(|asked| topic(asked.name)).collect();
                say(
                    stream,
                    number,
                    &MetadataResponse::default().with_brokers(vec![broker]).with_topics(topics),
                    version,
                )
                .await;
            }
            10 => {
                let host = StrBytes::from_static_str("127.0.0.1");
                let answer =
                    FindCoordinatorResponse::default().with_node_id(BrokerId(1)).with_host(host).with_port(port);
                say(stream, number, &answer, version).await;
            }
            9 => {
                assert_eq!(OffsetFetchRequest::decode(&mut asked, version).unwrap().topics, None);
                let topic = |name, offset| {
                    let partition = OffsetFetchResponsePartition::default().with_committed_offset(offset);
                    let name = TopicName(StrBytes::from_static_str(name));
                    OffsetFetchResponseTopic::default().with_name(name).with_partitions(vec![partition])
                };
                let answer = OffsetFetchResponse::default().with_topics(vec![topic("a", 3), topic("b", 10)]);
                say(stream, number, &answer, version).await;
            }
            2 => {
                let asked = ListOffsetsRequest::decode(&mut asked, version).unwrap();
                let topics = asked.topics.into_iter().map(|topic| {
                    let offset = if topic.partitions[0].timestamp == -1 { 10 } else { 0 };
                    let partition = ListOffsetsPartitionResponse::default().with_offset(offset);
                    ListOffsetsTopicResponse::default().with_name(topic.name).with_partitions(vec![partition])
                });
                say(stream, number, &ListOffsetsResponse::default().with_topics(topics.collect()), version).await;
            }
            other => panic!("{other} is not asked"),
        }
    }
}

#[tokio::test]
async fn all_topics_of_the_group_count() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move { serve(&mut stream, port.into()).await });
        }
    });
    let servers = format!("127.0.0.1:{port}");
    let source = opened(&trigger("kafka", &[("bootstrapServers", &*servers), ("consumerGroup", "g")], &[]), &pool());
    assert_eq!(read(&*source).await, value(7.0, true));
}
