"""An authority of the emulator's own, and the certificate of its database servers."""

import datetime
import ipaddress
import os
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from . import keeper

CA = "ca.pem"
CERTIFICATE = "server.pem"
KEY = "server.key"


class Authority:
    """What signs the servers' certificate, and those that a front shows to a server in a user's place."""

    def __init__(self, folder, certificate, key):
        self.folder, self.certificate, self.key = folder, certificate, key
        self._clients = {}
        self._lock = threading.Lock()

    def client(self, user):
        """Files with a certificate for that user, and its key."""
        with self._lock:
            if user not in self._clients:
                key = ec.generate_private_key(ec.SECP256R1())
                made = (
                    builder(name(user), self.certificate.subject, key)
                    .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
                    .sign(self.key, hashes.SHA256())
                )
                number = len(self._clients)
                write(self.folder, f"client{number}.pem", made.public_bytes(serialization.Encoding.PEM), 0o600)
                write(self.folder, f"client{number}.key", pem(key), 0o600)
                self._clients[user] = tuple(os.path.join(self.folder, f"client{number}.{end}") for end in ("pem", "key"))
            return self._clients[user]


def make(folder):
    """Writes the authority's certificate, and a server's for 127.0.0.1 and localhost, which all instances share."""
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = name("firedrill test RDS authority")
    authority = (
        builder(authority_name, authority_name, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    server = (
        builder(name("firedrill test RDS"), authority_name, server_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    write(folder, CA, authority.public_bytes(serialization.Encoding.PEM), 0o644)
    write(folder, CERTIFICATE, server.public_bytes(serialization.Encoding.PEM), 0o644)
    write(folder, KEY, pem(server_key), 0o600)
    return Authority(folder, authority, authority_key)


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def builder(subject, issuer, key):
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def usage(**true):
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{one: true.get(one, False) for one in every})


def write(folder, file, data, mode):
    path = os.path.join(folder, file)
    with open(path, "wb") as out:
        out.write(data)
    os.chmod(path, mode)
    keeper.give(path)
