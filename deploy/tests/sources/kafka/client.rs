//! Makes topics, sends messages, and commits offsets, by another's messages.

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    CreateTopicsRequest, GroupId, OffsetCommitRequest, ProduceRequest, RequestHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, HeaderVersion, Request, StrBytes, encode_request_header_into_buffer};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection of a test's own.
pub(super) struct Client(TcpStream);

fn topic_name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

impl Client {
    pub(super) async fn to(port: u16) -> Client {
        Client(TcpStream::connect(("127.0.0.1", port)).await.unwrap())
    }

    async fn ask<Q: Request>(&mut self, request: &Q, version: i16) -> Q::Response {
        let mut asked = BytesMut::new();
        let header = RequestHeader::default().with_request_api_key(Q::KEY).with_request_api_version(version);
        encode_request_header_into_buffer(&mut asked, &header).unwrap();
        request.encode(&mut asked, version).unwrap();
        self.0.write_i32(asked.len() as i32).await.unwrap();
        self.0.write_all(&asked).await.unwrap();
        let length = self.0.read_i32().await.unwrap();
        let mut answer = vec![0; length as usize];
        self.0.read_exact(&mut answer).await.unwrap();
        let mut answer = Bytes::from(answer);
        answer.advance(4); // the number of the question
        if Q::Response::header_version(version) > 0 {
            answer.advance(1); // no tags
        }
        Q::Response::decode(&mut answer, version).unwrap()
    }

    pub(super) async fn create(&mut self, topic: &str, partitions: i32) {
        let topic = CreatableTopic::default()
            .with_name(topic_name(topic))
            .with_num_partitions(partitions)
            .with_replication_factor(1);
        let answer = self.ask(&CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(5000), 4).await;
        assert_eq!(answer.topics[0].error_code, 0);
    }

    /// Sends messages, each in a batch of its own: tansu counts batches.
    pub(super) async fn produce(&mut self, topic: &str, partition: i32, messages: u32) {
        for _ in 0..messages {
            self.send(topic, partition).await;
        }
    }

    async fn send(&mut self, topic: &str, partition: i32) {
        let record = Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: 0,
            producer_id: -1,
            producer_epoch: -1,
            timestamp_type: TimestampType::Creation,
            offset: 0,
            sequence: -1,
            timestamp: 0,
            key: None,
            value: Some(Bytes::from_static(b"x")),
            headers: Default::default(),
        };
        let mut batch = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        RecordBatchEncoder::encode(&mut batch, [&record], &options).unwrap();
        let data = PartitionProduceData::default().with_index(partition).with_records(Some(batch.freeze()));
        let data = TopicProduceData::default().with_name(topic_name(topic)).with_partition_data(vec![data]);
        let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(5000).with_topic_data(vec![data]);
        let answer = self.ask(&request, 7).await;
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    }

    pub(super) async fn commit(&mut self, topic: &str, partition: i32, offset: i64) {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(partition)
            .with_committed_offset(offset)
            .with_committed_metadata(Some(StrBytes::default()));
        let topic = OffsetCommitRequestTopic::default().with_name(topic_name(topic)).with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(StrBytes::from_static_str("g")))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![topic]);
        let answer = self.ask(&request, 5).await;
        assert_eq!(answer.topics[0].partitions[0].error_code, 0);
    }
}
