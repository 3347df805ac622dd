//! The request that RDS makes in the source's region on the caller's behalf, signed beforehand.
//!
//! To copy an encrypted snapshot from another region, RDS asks the source's region for it. By Amazon's documentation it
//! wants a request for that, signed by the caller for that region, in GovCloud and China; other regions ignore it. The
//! SDKs for other languages always send it, so it is always sent.

use super::settings::keys;
use crate::{
    drill::{Claim, Fault, FaultClass},
    provider::aws::client::{Connection, permanent},
};
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4,
};
use std::time::Duration;

/// How long the signed request can be used: RDS makes it at once.
const VALID: Duration = Duration::from_secs(900);

/// The URL for a copy from another region; none where it needs none.
pub(super) async fn url(at: &Connection, claim: &Claim) -> Result<Option<String>, Fault> {
    let params = &claim.link.params;
    let home = params.get(keys::REGION).filter(|home| **home != at.region);
    let (Some(home), Some(_)) = (home, params.get(keys::KMS_KEY)) else { return Ok(None) };
    let surroundings = |why: String| {
        let what = format!("the request to {home} for the copy could not be signed: {why}");
        Fault::new(FaultClass::Surroundings, what)
    };
    let provider =
        at.sdk.credentials_provider().ok_or_else(|| surroundings("there are no credentials".into()))?;
    let credentials =
        provider.provide_credentials().await.map_err(|error| surroundings(error.to_string()))?;
    let time = at.sdk.time_source().ok_or_else(|| permanent("the SDK has no clock"))?;
    let identity = credentials.into();
    let mut settings = SigningSettings::default();
    settings.expires_in = Some(VALID);
    settings.signature_location = SignatureLocation::QueryParams;
    let signing = v4::SigningParams::builder()
        .identity(&identity)
        .region(home)
        .name("rds")
        .time(time.now())
        .settings(settings)
        .build()
        .map_err(|error| surroundings(error.to_string()))?;
    let mut url = format!("{}/?{}", base(home, at.sdk.endpoint_url()), joined(&asked(claim, &at.region)));
    let request = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::empty())
        .map_err(|error| surroundings(error.to_string()))?;
    let (instructions, _) =
        sign(request, &signing.into()).map_err(|error| surroundings(error.to_string()))?.into_parts();
    for (name, value) in instructions.params() {
        url = format!("{url}&{}={}", encoded(name), encoded(value));
    }
    Ok(Some(url))
}

/// Where the source's region answers.
fn base(region: &str, endpoint: Option<&str>) -> String {
    match endpoint {
        Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
        None if region.starts_with("cn-") => format!("https://rds.{region}.amazonaws.com.cn"),
        None => format!("https://rds.{region}.amazonaws.com"),
    }
}

/// What is asked of the source's region: the copy as it is asked for here, and where it goes.
fn asked(claim: &Claim, destination: &str) -> Vec<(&'static str, String)> {
    let params = &claim.link.params;
    let get = |key: &str| params.get(key).cloned().unwrap_or_default();
    vec![
        ("Action", "CopyDBSnapshot".to_owned()),
        ("Version", "2014-10-31".to_owned()),
        ("DestinationRegion", destination.to_owned()),
        ("SourceDBSnapshotIdentifier", get(keys::ARN)),
        ("TargetDBSnapshotIdentifier", claim.link.name.clone()),
        ("KmsKeyId", get(keys::KMS_KEY)),
    ]
}

fn joined(query: &[(&str, String)]) -> String {
    let parts = query.iter().map(|(key, value)| format!("{key}={}", encoded(value)));
    parts.collect::<Vec<_>>().join("&")
}

/// All but unreserved characters (RFC 3986) as `%XX`.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::aws::tags::tests::claim;

    #[test]
    fn the_sources_region_is_asked_for_the_very_copy() {
        let mut claim = claim("snapshot_copy", "fd-07070707-orders-db-1");
        claim.link.params.insert("arn".into(), "arn:aws:rds:eu-west-1:210987654321:snapshot:rds:x".into());
        claim.link.params.insert("kms_key".into(), "alias/drill".into());
        let query = joined(&asked(&claim, "eu-central-1"));
        assert_eq!(
            query,
            "Action=CopyDBSnapshot&Version=2014-10-31&DestinationRegion=eu-central-1\
             &SourceDBSnapshotIdentifier=arn%3Aaws%3Ards%3Aeu-west-1%3A210987654321%3Asnapshot%3Ards%3Ax\
             &TargetDBSnapshotIdentifier=fd-07070707-orders-db-1&KmsKeyId=alias%2Fdrill"
        );
    }

    #[test]
    fn the_endpoint_is_that_of_the_sources_region() {
        assert_eq!(base("eu-west-1", None), "https://rds.eu-west-1.amazonaws.com");
        assert_eq!(base("cn-north-1", None), "https://rds.cn-north-1.amazonaws.com.cn");
        assert_eq!(base("eu-west-1", Some("http://127.0.0.1:5000/")), "http://127.0.0.1:5000");
    }
}
