//! The way to the services: one configuration, one client per service, made when first needed.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::OnceCell;

/// A connection inside of a region stands within milliseconds or not at all.
const CONNECT: Duration = Duration::from_secs(2);
/// How long a service may be silent.
const READ: Duration = Duration::from_secs(10);
/// One try, with a part of 8 MiB on a slow line.
const ATTEMPT: Duration = Duration::from_secs(20);
/// All tries together; below the timeout of every function.
const OPERATION: Duration = Duration::from_secs(50);
/// Tries of one call. The waits between them double and are drawn by lot, so that functions that failed together do not come
/// back together.
const ATTEMPTS: u32 = 4;

/// The services of one account and region, as the environment names them.
///
/// Region, credentials and `AWS_ENDPOINT_URL` are read as every AWS tool reads them.
#[derive(Debug)]
pub struct Aws {
    handle: Handle,
    config: OnceCell<SdkConfig>,
    athena: OnceCell<aws_sdk_athena::Client>,
    glue: OnceCell<aws_sdk_glue::Client>,
    s3: OnceCell<aws_sdk_s3::Client>,
    sfn: OnceCell<aws_sdk_sfn::Client>,
    firehose: OnceCell<aws_sdk_firehose::Client>,
}

impl Aws {
    /// Services whose connections are driven by this runtime. Nothing is read and nobody is called yet.
    pub fn new(handle: Handle) -> Self {
        Self {
            handle,
            config: OnceCell::new(),
            athena: OnceCell::new(),
            glue: OnceCell::new(),
            s3: OnceCell::new(),
            sfn: OnceCell::new(),
            firehose: OnceCell::new(),
        }
    }

    /// Services by a configuration that was made already, from [`defaults`].
    pub fn with_config(handle: Handle, config: SdkConfig) -> Self {
        Self { config: OnceCell::new_with(Some(config)), ..Self::new(handle) }
    }

    /// The runtime that drives the connections.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits for a call, from a thread that may block: one of its own, or a worker that lets its other tasks go elsewhere.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let is_worker = Handle::try_current().is_ok_and(|here| here.runtime_flavor() == RuntimeFlavor::MultiThread);
        match is_worker {
            true => tokio::task::block_in_place(|| self.handle.block_on(future)),
            false => self.handle.block_on(future),
        }
    }

    /// The region, where one is set.
    pub async fn region(&self) -> Option<String> {
        self.config().await.region().map(ToString::to_string)
    }

    pub(crate) async fn config(&self) -> &SdkConfig {
        self.config.get_or_init(|| defaults().load()).await
    }

    pub(crate) async fn s3(&self) -> &aws_sdk_s3::Client {
        let make = || async {
            let config = self.config().await;
            let is_overridden = config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
            // Behind an endpoint of its own, a bucket seldom has a host name of its own.
            let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(is_overridden).build();
            aws_sdk_s3::Client::from_conf(s3)
        };
        self.s3.get_or_init(make).await
    }

    pub(crate) async fn athena(&self) -> &aws_sdk_athena::Client {
        let make = || async { aws_sdk_athena::Client::new(self.config().await) };
        self.athena.get_or_init(make).await
    }

    pub(crate) async fn glue(&self) -> &aws_sdk_glue::Client {
        let make = || async { aws_sdk_glue::Client::new(self.config().await) };
        self.glue.get_or_init(make).await
    }

    pub(crate) async fn sfn(&self) -> &aws_sdk_sfn::Client {
        let make = || async { aws_sdk_sfn::Client::new(self.config().await) };
        self.sfn.get_or_init(make).await
    }

    pub(crate) async fn firehose(&self) -> &aws_sdk_firehose::Client {
        let make = || async { aws_sdk_firehose::Client::new(self.config().await) };
        self.firehose.get_or_init(make).await
    }
}

/// How every service is called: TLS, limits of time, tries. The environment has not been read yet.
pub fn defaults() -> ConfigLoader {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .read_timeout(READ)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
}
