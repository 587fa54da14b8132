//! The limit of the machine: rustls and hyper with nothing between them, sending back what came.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Serves for ever; says where on stderr.
pub fn serve(certificates: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("threads start");
    runtime.block_on(accept(config(certificates)));
}

async fn accept(config: Arc<ServerConfig>) {
    let acceptor = TlsAcceptor::from(config);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    eprintln!("{{\"address\":\"{}\"}}", listener.local_addr().expect("it is bound"));
    while let Ok((socket, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            socket.set_nodelay(true)?;
            let stream = TokioIo::new(acceptor.accept(socket).await?);
            // A connection that the client has closed is no matter.
            let _ = http1::Builder::new().serve_connection(stream, service_fn(echo)).await;
            Ok::<_, std::io::Error>(())
        });
    }
}

async fn echo(request: Request<hyper::body::Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
    Ok(Response::new(Full::new(
        request.into_body().collect().await?.to_bytes(),
    )))
}

fn config(certificates: &Path) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(certificates.join("tls.crt")).expect("a certificate");
    let chain = chain.collect::<Result<_, _>>().expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(certificates.join("tls.key")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the versions are compiled in")
        .with_no_client_auth()
        .with_single_cert(chain, key);
    Arc::new(config.expect("they fit"))
}
