//! Certificates of a self-made authority, for servers that are to be trusted by name.

use super::plain;
use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::Path};

/// The authority's certificate.
pub const CA: &str = "ca.pem";
/// The server's certificate and key.
pub const CERTIFICATE: &str = "server.pem";
pub const KEY: &str = "server.key";

/// Makes an authority in that folder, and a certificate for those names, such as `IP:127.0.0.1,DNS:localhost`.
pub fn make(folder: &Path, names: &str) {
    let config = format!(
        "[req]\ndistinguished_name = dn\nprompt = no\n[dn]\nCN = firedrill test\n\
         [ca]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign\n\
         subjectKeyIdentifier = hash\n\
         [server]\nbasicConstraints = critical, CA:FALSE\nextendedKeyUsage = serverAuth\n\
         subjectAltName = {names}\n"
    );
    std::fs::write(folder.join("tls.conf"), config).expect("a file");
    let ordinary =
        ["req", "-x509", "-config", "tls.conf", "-days", "2", "-nodes", "-newkey", "ec", "-pkeyopt"];
    let curve = "ec_paramgen_curve:P-256";
    let authority =
        ["-extensions", "ca", "-subj", "/CN=firedrill test authority", "-keyout", "ca.key", "-out", CA];
    let server =
        ["-extensions", "server", "-CA", CA, "-CAkey", "ca.key", "-keyout", KEY, "-out", CERTIFICATE];
    for more in [authority.as_slice(), &server] {
        let made = plain("openssl").args(ordinary).arg(curve).args(more).current_dir(folder).output();
        let made = made.expect("openssl runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    // Servers refuse a key that others can read.
    std::fs::set_permissions(folder.join(KEY), Permissions::from_mode(0o600)).expect("permissions");
    super::setup::give(&folder.join(KEY));
}
