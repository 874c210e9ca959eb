//! `modelpool serve`.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use modelpool::ModelPool;
use modelpool::config::FileConfig;
use modelpool_gateway::{Access, AccessLog, CallerKey, Gateway, GatewayLimits, GatewayOptions, Server};
use serde_json::json;

use crate::arguments::ServeArguments;
use crate::configuration::{cannot_build, load};
use crate::exit::{Exit, Failure};
use crate::output::{GOOD, Output, count};
use crate::stop::Stop;
use crate::{logging, runtime, telemetry};

pub(crate) fn run(
    arguments: &ServeArguments,
    config: Option<PathBuf>,
    output: Output,
) -> Result<Exit, Failure> {
    let logging = logging::start(&arguments.log)?;
    let mut telemetry = telemetry::from_environment()?;
    let builder = telemetry.observe(ModelPool::builder().sink(Arc::new(AccessLog)));
    let (config, pool) = load(config, builder)?;
    let address = arguments.listen.unwrap_or(config.listen);
    if config.is_open_to_strangers(address) {
        let message = format!("without `keys` anyone who reaches {address} could spend your money");
        let hint = "list the callers under `keys` in the configuration, or listen on a loopback address";
        return Err(Failure::configuration(message).hint(hint));
    }
    let models = pool.len();
    let gateway = gateway(&config, pool.clone())?;
    runtime::for_serving()?.block_on(async {
        let mut stop = Stop::listen()?;
        let server = Server::bind(gateway, address).await;
        let server = server.map_err(|error| Failure::failed(error.to_string()))?;
        announce(&server, models, output)?;
        // The first signal is for the server, which then waits for requests under way. Whoever
        // does not want to wait sends a second.
        let asked = tokio::sync::Notify::new();
        let mut serving = std::pin::pin!(server.serve(asked.notified()));
        let finished = async {
            tokio::select! {
                finished = &mut serving => finished,
                () = stop.told() => {
                    asked.notify_one();
                    tokio::select! {
                        finished = &mut serving => finished,
                        () = stop.told() => false,
                    }
                }
            }
        };
        let finished = tokio::select! {
            finished = finished => finished,
            never = logging.flush_from_time_to_time() => match never {},
            never = telemetry.run(&pool) => match never {},
            never = check_health(config.health_check, &pool) => match never {},
            never = warm_up(&pool) => match never {},
        };
        telemetry.finish(&pool).await;
        Ok(if finished { Exit::Success } else { Exit::Failure })
    })
}

/// Asks servers that are shut off, where the configuration says how often.
async fn check_health(pause: Option<Duration>, pool: &ModelPool) -> Infallible {
    match pause {
        Some(pause) => pool.watch_health(pause).await,
        None => std::future::pending().await,
    }
}

/// Makes ready the models that are marked so, while others are served already.
async fn warm_up(pool: &ModelPool) -> Infallible {
    pool.warm_up_marked().await;
    std::future::pending().await
}

fn gateway(config: &FileConfig, pool: ModelPool) -> Result<Arc<Gateway>, Failure> {
    let keys: Result<Vec<CallerKey>, _> = config.keys.iter().map(CallerKey::from_file).collect();
    let keys = keys.map_err(|error| cannot_build(&error))?;
    let limits = GatewayLimits {
        max_body_bytes: config.max_body_bytes,
        shutdown: config.shutdown,
        keepalive: config.keepalive,
    };
    let options = GatewayOptions {
        access: Access::new(keys),
        limits,
        admin_key: config.admin_key.clone(),
    };
    Ok(Gateway::new(pool, options))
}

fn announce(server: &Server, models: usize, output: Output) -> Result<(), Failure> {
    let url = format!("http://{}", server.address());
    if output.is_json() {
        return output.document(&json!({"url": url, "base_url": format!("{url}/v1"), "models": models}));
    }
    let models = count(models, "model");
    output.line(&format!(
        "{GOOD}listening on {url}{GOOD:#}: {models}, OpenAI's API at {url}/v1"
    ))
}
