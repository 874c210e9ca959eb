//! Where the processes come from: the binaries, the gateway's configuration, and a directory that is gone
//! afterwards.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::process::{Server, Side, free_port};
use super::report::{Figure, Target};
use super::{MeasureError, MeasureSettings};
use crate::upstream::{API_KEY, MODEL};

/// The alias that requests name; the proxies put [`MODEL`] in its place.
const ALIAS: &str = "fast";

/// The key that callers of the gateway carry.
const CALLER_KEY: &str = "bench-caller-key";

/// An upstream, and the two that are compared, all of them ready.
pub(super) struct Cast {
    pub(super) upstream: Server,
    pub(super) proxy: Server,
    pub(super) gateway: Server,
}

/// What processes are made from.
pub(super) struct Stage {
    binaries: PathBuf,
    gateway_command: Vec<String>,
    directory: TempDir,
    pub(super) rounds: usize,
}

impl Stage {
    pub(super) fn new(settings: &MeasureSettings) -> Result<Self, MeasureError> {
        Ok(Self {
            binaries: settings.binaries.clone(),
            gateway_command: settings.gateway_command.clone(),
            directory: TempDir::new().map_err(MeasureError::io("cannot create a temporary directory"))?,
            rounds: settings.rounds,
        })
    }

    /// Starts an upstream whose streams have `chunks` chunks with `gap` between them, and both proxies in
    /// front of it.
    pub(super) async fn cast(&self, chunks: usize, gap: Duration) -> Result<Cast, MeasureError> {
        let (upstream, upstream_port) = self.upstream(chunks, gap).await?;
        let mut proxy = self.proxy(upstream_port, chunks)?;
        proxy.first_answer().await?;
        let mut gateway = self.gateway(upstream_port, chunks, 1)?;
        gateway.first_answer().await?;
        Ok(Cast {
            upstream,
            proxy,
            gateway,
        })
    }

    /// Starts an upstream and the gateway in front of it, without a proxy.
    pub(super) async fn gateway_alone(
        &self,
        chunks: usize,
        gap: Duration,
    ) -> Result<(Server, Server), MeasureError> {
        let (upstream, upstream_port) = self.upstream(chunks, gap).await?;
        let mut gateway = self.gateway(upstream_port, chunks, 1)?;
        gateway.first_answer().await?;
        Ok((upstream, gateway))
    }

    /// Starts an upstream and waits until it answers; returns its port too.
    pub(super) async fn upstream(&self, chunks: usize, gap: Duration) -> Result<(Server, u16), MeasureError> {
        let port = free_port()?;
        let command = [
            self.binary("upstream"),
            format!("--listen=127.0.0.1:{port}"),
            format!("--chunks={chunks}"),
            format!("--gap-us={}", gap.as_micros()),
        ];
        let side = Side {
            name: "upstream",
            model: MODEL,
            key: API_KEY,
            chunks,
        };
        let mut upstream = Server::start(side, &command, port, self.file(&format!("upstream-{port}.log")))?;
        upstream.first_answer().await?;
        Ok((upstream, port))
    }

    /// Starts the bare proxy, without waiting for it.
    pub(super) fn proxy(&self, upstream_port: u16, chunks: usize) -> Result<Server, MeasureError> {
        let port = free_port()?;
        let command = [
            self.binary("bare-proxy"),
            format!("--listen=127.0.0.1:{port}"),
            format!("--upstream=http://127.0.0.1:{upstream_port}"),
        ];
        let side = Side {
            name: "bare proxy",
            model: ALIAS,
            key: CALLER_KEY,
            chunks,
        };
        Server::start(side, &command, port, self.file(&format!("bare-proxy-{port}.log")))
    }

    /// Starts the gateway with `models` models, without waiting for it.
    pub(super) fn gateway(
        &self,
        upstream_port: u16,
        chunks: usize,
        models: usize,
    ) -> Result<Server, MeasureError> {
        let port = free_port()?;
        let config = self.file(&format!("gateway-{port}.yaml"));
        std::fs::write(&config, configuration(port, upstream_port, models))
            .map_err(MeasureError::io(format!("cannot write `{}`", config.display())))?;
        let command: Vec<String> = self
            .gateway_command
            .iter()
            .map(|word| {
                word.replace("{config}", &config.to_string_lossy())
                    .replace("{port}", &port.to_string())
                    .replace("{upstream}", &upstream_port.to_string())
            })
            .collect();
        let side = Side {
            name: "gateway",
            model: ALIAS,
            key: CALLER_KEY,
            chunks,
        };
        Server::start(side, &command, port, self.file(&format!("gateway-{port}.log")))
    }

    /// The size of the program that the gateway's command names.
    pub(super) fn binary_size(&self) -> Result<Figure, MeasureError> {
        let size = |path: &Path| {
            std::fs::metadata(path)
                .map(|metadata| metadata.len() as f64 / 1e6)
                .map_err(MeasureError::io(format!(
                    "cannot read the size of `{}`",
                    path.display()
                )))
        };
        let gateway = self.gateway_command.first().map_or(Path::new(""), Path::new);
        Ok(Figure::of_gateway(
            "binary_size",
            "size of the binary",
            Target {
                most: 25.0,
                unit: "MB",
            },
            Some(size(&self.binaries.join("bare-proxy"))?),
            size(gateway)?,
        ))
    }

    fn binary(&self, name: &str) -> String {
        self.binaries.join(name).to_string_lossy().into_owned()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// The gateway's configuration: [`ALIAS`] and as many further models as are wanted, and the caller's key.
fn configuration(port: u16, upstream_port: u16, models: usize) -> String {
    let mut yaml = format!("listen: 127.0.0.1:{port}\nmodels:\n");
    let further = (1..models).map(|number| format!("{ALIAS}-{number}"));
    for alias in std::iter::once(ALIAS.to_owned()).chain(further) {
        // Writing to a String cannot fail.
        let _ = writeln!(
            yaml,
            "  - {{alias: {alias}, provider: openai_compatible, model_name: {MODEL}, \
             base_url: \"http://127.0.0.1:{upstream_port}/v1\", api_key: {API_KEY}}}"
        );
    }
    let _ = writeln!(yaml, "keys:\n  - {{name: bench, key: {CALLER_KEY}}}");
    yaml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_lists_its_models_and_the_key() {
        let expected = "listen: 127.0.0.1:1\nmodels:\n  \
            - {alias: fast, provider: openai_compatible, model_name: upstream-model, base_url: \"http://127.0.0.1:2/v1\", api_key: upstream-key}\n  \
            - {alias: fast-1, provider: openai_compatible, model_name: upstream-model, base_url: \"http://127.0.0.1:2/v1\", api_key: upstream-key}\n\
            keys:\n  - {name: bench, key: bench-caller-key}\n";
        assert_eq!(configuration(1, 2, 2), expected);
    }
}
