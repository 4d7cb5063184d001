"""Reads a JWKS and signed tokens, one a line, and verifies each with PyJWT."""

import json
import sys

import jwt

lines = [line for line in sys.stdin.read().splitlines() if line.strip()]
keys = {key["kid"]: jwt.PyJWK(key) for key in json.loads(lines[0])["keys"]}
for token in lines[1:]:
    header = jwt.get_unverified_header(token)
    assert header["typ"] == "secevent+jwt" and header["alg"] == "EdDSA", header
    claims = jwt.decode(
        token, keys[header["kid"]], algorithms=["EdDSA"], options={"verify_aud": False}
    )
    assert len(claims["events"]) == 1, claims
    assert "sub" not in claims and "exp" not in claims, claims
