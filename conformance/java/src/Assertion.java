import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.util.Base64URL;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;
import java.util.HexFormat;
import java.util.UUID;

/** The operator's certificate, and client assertions that its key signs. */
final class Assertion {
  /** How an assertion's header names the certificate. */
  enum Named { X5T, X5T_SHA256, KID_BASE64, KID_HEXADECIMAL }

  private Assertion() {}

  static String signed(Named named, String audience) {
    Instant now = Instant.now();
    JWTClaimsSet claims = new JWTClaimsSet.Builder()
        .issuer(Cloud.OPERATOR).subject(Cloud.OPERATOR).audience(audience).jwtID(UUID.randomUUID().toString())
        .notBeforeTime(Date.from(now)).expirationTime(Date.from(now.plusSeconds(600))).build();
    try {
      SignedJWT assertion = new SignedJWT(header(named), claims);
      assertion.sign(new RSASSASigner(key()));
      return assertion.serialize();
    } catch (JOSEException | GeneralSecurityException | IOException error) {
      throw new IllegalStateException(error);
    }
  }

  /** As most callers would write it. */
  static String signed() {
    return signed(Named.X5T, Cloud.LOGIN + "/" + Cloud.TENANT + "/oauth2/v2.0/token");
  }

  // To name a certificate by SHA-1 is what the oldest clients do.
  @SuppressWarnings("deprecation")
  private static JWSHeader header(Named named) throws GeneralSecurityException, IOException {
    byte[] certificate = certificate().getEncoded();
    byte[] sha1 = MessageDigest.getInstance("SHA-1").digest(certificate);
    JWSHeader.Builder header = new JWSHeader.Builder(JWSAlgorithm.RS256);
    return (switch (named) {
      case X5T -> header.x509CertThumbprint(Base64URL.encode(sha1));
      case X5T_SHA256 -> header.x509CertSHA256Thumbprint(
          Base64URL.encode(MessageDigest.getInstance("SHA-256").digest(certificate)));
      case KID_BASE64 -> header.keyID(Base64.getUrlEncoder().encodeToString(sha1));
      case KID_HEXADECIMAL -> header.keyID(HexFormat.of().withUpperCase().formatHex(sha1));
    }).build();
  }

  static X509Certificate certificate() throws GeneralSecurityException, IOException {
    var der = new ByteArrayInputStream(block("CERTIFICATE"));
    return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(der);
  }

  static PrivateKey key() throws GeneralSecurityException, IOException {
    return KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(block("PRIVATE KEY")));
  }

  /** The DER of a block of the operator's PEM file. */
  private static byte[] block(String label) throws IOException {
    String pem = Files.readString(Cloud.CERTIFICATE, StandardCharsets.US_ASCII);
    String base64 = pem.split("-----(BEGIN|END) " + label + "-----")[1];
    return Base64.getMimeDecoder().decode(base64);
  }
}
