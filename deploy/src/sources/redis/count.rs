//! What is counted of a key.

use autoscaler::triggers::measure::redis::length_command;
use autoscaler::triggers::metadata::{Count, Redis as Trigger};
use redis::aio::ConnectionLike;
use redis::{ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, Value, cmd};

/// The type of a key and how long it is, in one request. A type that has no length is not asked for it.
const LENGTH: &str = "
local kind = redis.call('TYPE', KEYS[1])['ok']
local ask = ({none = 'LLEN', list = 'LLEN', set = 'SCARD', zset = 'ZCARD', hash = 'HLEN'})[kind]
if ask then return {kind, redis.call(ask, KEYS[1])} end
return {kind, -1}
";

/// What `trigger` counts; none if the server does not know.
pub(super) async fn count(connection: &mut impl ConnectionLike, trigger: &Trigger) -> RedisResult<Option<i64>> {
    let key = trigger.key.as_str();
    match &trigger.count {
        Count::Items => items(connection, key).await.map(Some),
        Count::Length => cmd("XLEN").arg(key).query_async(connection).await.map(Some),
        Count::Pending { group } => pending(connection, key, group).await.map(Some),
        Count::Lag { group } => lag(connection, key, group).await,
    }
}

async fn items(connection: &mut impl ConnectionLike, key: &str) -> RedisResult<i64> {
    let script = cmd("EVAL").arg(LENGTH).arg(1).arg(key).query_async(connection).await;
    let (kind, length): (String, i64) = match script {
        Err(error) if is_forbidden(&error) => {
            let kind: String = cmd("TYPE").arg(key).query_async(connection).await?;
            let command = length_command(&kind).map_err(wrong_type)?;
            return cmd(command).arg(key).query_async(connection).await;
        }
        other => other?,
    };
    length_command(&kind).map(|_| length).map_err(wrong_type)
}

/// Some proxies and managed servers run no scripts.
fn is_forbidden(error: &RedisError) -> bool {
    let text = error.detail().unwrap_or_default();
    error.code() == Some("NOPERM") || error.code() == Some("ERR") && text.contains("unknown command")
}

fn wrong_type(message: String) -> RedisError {
    (ErrorKind::Server(ServerErrorKind::ResponseError), "wrong type", message).into()
}

/// The first number of `XPENDING`.
async fn pending(connection: &mut impl ConnectionLike, key: &str, group: &str) -> RedisResult<i64> {
    let summary: Vec<Value> = cmd("XPENDING").arg(key).arg(group).query_async(connection).await?;
    let count = summary.into_iter().next().unwrap_or(Value::Nil);
    Ok(i64::from_redis_value(count)?)
}

/// The group's `lag`. Without the stream nobody lags; without the group all of the stream is ahead of it, as in KEDA.
async fn lag(connection: &mut impl ConnectionLike, key: &str, group: &str) -> RedisResult<Option<i64>> {
    let groups: RedisResult<Vec<Value>> = cmd("XINFO").arg("GROUPS").arg(key).query_async(connection).await;
    let groups = match groups {
        Err(error) if error.to_string().contains("no such key") => return Ok(Some(0)),
        other => other?,
    };
    for about in groups {
        let fields: Vec<(String, Value)> = FromRedisValue::from_redis_value(about)?;
        let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
        let name: Option<String> = field("name").map(FromRedisValue::from_redis_value).transpose()?;
        if name.as_deref() == Some(group) {
            let Some(lag) = field("lag") else {
                let text = "lagCount needs Redis 7: this one does not tell the lag of a group".to_owned();
                return Err((ErrorKind::Server(ServerErrorKind::ResponseError), "no lag", text).into());
            };
            return Ok(FromRedisValue::from_redis_value(lag)?);
        }
    }
    cmd("XLEN").arg(key).query_async(connection).await.map(Some)
}
