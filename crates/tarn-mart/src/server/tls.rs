//! Which authorities are trusted: those of a file, else the system's.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tarn_pipeline::ports::MartError;

use crate::fault::{WithHint, refused};

/// The certificates of the trusted authorities.
///
/// # Errors
/// A file that cannot be read or holds none; a system without any.
pub(crate) fn authorities(file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, MartError> {
    const HINT: &str = "name a PEM file with `?ca=/path/to/authorities.pem`; Amazon publishes one for RDS";
    let Some(file) = file else {
        // Among the system's there may be some that nobody can use.
        let usable = |certificate: &CertificateDer<'static>| RootCertStore::empty().add(certificate.clone()).is_ok();
        let found: Vec<_> = rustls_native_certs::load_native_certs().certs.into_iter().filter(usable).collect();
        return if found.is_empty() {
            Err(refused("this system trusts no authorities, so that no certificate can be verified").hint(HINT))
        } else {
            Ok(found)
        };
    };
    let unreadable = |reason: String| {
        refused(format!("the authorities in `{}` cannot be read: {reason}", file.display())).hint(HINT)
    };
    let found = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(error.to_string()))?;
    if found.is_empty() { Err(unreadable("it holds no certificate".to_owned())) } else { Ok(found) }
}

/// A client that trusts these authorities and verifies host names.
///
/// # Errors
/// When none of the certificates can be used.
pub(crate) fn client_configuration(file: Option<&Path>) -> Result<Arc<ClientConfig>, MartError> {
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(authorities(file)?);
    if added == 0 {
        return Err(refused("none of the trusted authorities has a certificate that can be used"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(format!("tls cannot be set up: {error}")))?;
    Ok(Arc::new(builder.with_root_certificates(store).with_no_client_auth()))
}
