"""Reads a JWKS and signed tokens, one a line, and verifies each with PyJWT."""

import json
import sys

import jwt

# The algorithm of a key is that of the key, never another that the header names.
ALGORITHMS = {"EdDSA": "OKP", "ES256": "EC", "RS256": "RSA"}

lines = [line for line in sys.stdin.read().splitlines() if line.strip()]
published = json.loads(lines[0])["keys"]
keys = {key["kid"]: jwt.PyJWK(key) for key in published}
kinds = {key["kid"]: key["kty"] for key in published}
for token in lines[1:]:
    header = jwt.get_unverified_header(token)
    assert header["typ"] == "secevent+jwt" and header["alg"] in ALGORITHMS, header
    assert ALGORITHMS[header["alg"]] == kinds[header["kid"]], header
    claims = jwt.decode(
        token, keys[header["kid"]], algorithms=[header["alg"]], options={"verify_aud": False}
    )
    assert len(claims["events"]) == 1, claims
    assert "sub" not in claims and "exp" not in claims, claims
