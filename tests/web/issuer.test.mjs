/** The page's code flow with PKCE and its tokens, with a simulated issuer. PAGE is the URL of web/page/. */

import assert from "node:assert/strict";
import { createHash, webcrypto } from "node:crypto";
import { beforeEach, test } from "node:test";

class MemoryStorage extends Map {
  getItem = (key) => this.get(key) ?? null;
  setItem = (key, value) => void this.set(key, String(value));
  removeItem = (key) => void this.delete(key);
}

globalThis.crypto ??= webcrypto;
globalThis.sessionStorage = new MemoryStorage();
globalThis.localStorage = new MemoryStorage();
globalThis.document = { baseURI: "https://page.example/chat/" };
globalThis.history = { replaceState: (_, __, url) => setAddress(url) };

const { Issuer, isTrusted } = await import(`${process.env.PAGE}oidc.js`);
const { IssuerTokens } = await import(`${process.env.PAGE}issuer_tokens.js`);

const SETTINGS = { issuer: "https://issuer.example/", client_id: "page" };
const HOUR = 3600;

const now = Date.now;
let aheadMs = 0;
Date.now = () => now() + aheadMs;

const encode = (claims) => Buffer.from(JSON.stringify(claims)).toString("base64url");
const token = (claims) => `e30.${encode(claims)}.s`;

/** A simulated issuer: the fields of its answers, and the requests that it got. */
let issuer;

const base = () => {
  const iat = Math.floor(Date.now() / 1000);
  return { iss: SETTINGS.issuer, aud: "page", sub: "ann", name: "Ann Ärmel", iat, exp: iat + HOUR };
};

function setAddress(url) {
  const { search, pathname, origin } = new URL(url, "https://page.example/chat/");
  globalThis.location = { search, pathname, origin, assign: (target) => (issuer.opened = target), reload: () => {} };
}

beforeEach(() => {
  aheadMs = 0;
  sessionStorage.clear();
  issuer = {
    document: {
      issuer: SETTINGS.issuer,
      authorization_endpoint: "https://login.example/authorize",
      token_endpoint: "https://login.example/token",
      end_session_endpoint: "https://login.example/logout",
    },
    forms: [],
    claims: {},
    answer: {},
    status: 200,
    isUp: true,
  };
  setAddress("/chat/?channel=tea");
  globalThis.fetch = async (url, { body } = {}) => {
    if (!issuer.isUp) throw new TypeError("no network");
    if (url === "https://issuer.example/.well-known/openid-configuration") return Response.json(issuer.document);
    const form = Object.fromEntries(body);
    issuer.forms.push({ url, ...form });
    if (issuer.status !== 200) return Response.json({ error: "invalid_grant" }, { status: issuer.status });
    const id_token = token({ ...base(), nonce: issuer.nonce, ...issuer.claims });
    const count = issuer.forms.length;
    return Response.json({ id_token, access_token: "opaque", expires_in: HOUR, refresh_token: `r${count}`, ...issuer.answer });
  };
});

/** Go to the issuer; return the query of the authorization request. */
async function leave(settings = {}) {
  const tokens = new IssuerTokens(new Issuer({ ...SETTINGS, ...settings }));
  await tokens.signIn();
  const query = Object.fromEntries(new URL(issuer.opened).searchParams);
  issuer.nonce = query.nonce;
  return query;
}

/** Come back from the issuer, in a page that is loaded anew. */
async function comeBack(query, settings = {}) {
  setAddress(`/chat/?${new URLSearchParams(query)}`);
  const tokens = new IssuerTokens(new Issuer({ ...SETTINGS, ...settings }));
  await tokens.resume();
  return tokens;
}

/** Sign in. */
async function signedIn(settings = {}) {
  const { state } = await leave(settings);
  return comeBack({ code: "c", state }, settings);
}

test("the code is asked for and exchanged with PKCE, state and nonce", async () => {
  const query = await leave({ scope: "openid offline_access", parameters: { audience: "https://api.example" } });
  assert(issuer.opened.startsWith("https://login.example/authorize?"));
  const { state, nonce, code_challenge, ...others } = query;
  assert.deepEqual(others, {
    audience: "https://api.example",
    response_type: "code",
    client_id: "page",
    redirect_uri: "https://page.example/chat/",
    scope: "openid offline_access",
    code_challenge_method: "S256",
  });
  const tokens = await comeBack({ code: "c", state });
  const [{ code_verifier, ...form }] = issuer.forms;
  assert.equal(createHash("sha256").update(code_verifier).digest("base64url"), code_challenge);
  assert(new Set([state, nonce, code_verifier]).size === 3 && code_verifier.length === 43);
  assert.deepEqual(form, {
    url: "https://login.example/token",
    grant_type: "authorization_code",
    code: "c",
    redirect_uri: "https://page.example/chat/",
    client_id: "page",
  });
  assert.deepEqual([tokens.user, tokens.name], ["ann", "Ann Ärmel"]);
  // The query of before is back, and a reload needs no other sign-in.
  assert.equal(location.search, "?channel=tea");
  const again = await comeBack({ channel: "tea" });
  assert.equal(await again.token(), await tokens.token());
  assert.equal(issuer.forms.length, 1);
});

test("two sign-ins share neither state, nonce nor challenge", async () => {
  const [first, second] = [await leave(), await leave()];
  for (const name of ["state", "nonce", "code_challenge"]) assert.notEqual(first[name], second[name]);
});

for (const [what, change, query] of [
  ["another state", {}, { code: "c", state: "other" }],
  ["another issuer in the answer", {}, { code: "c", iss: "https://evil.example/" }],
  ["an error", {}, { error: "access_denied" }],
  ["another nonce", { nonce: "other" }, { code: "c" }],
  ["no nonce", { nonce: undefined }, { code: "c" }],
  ["another client's token", { aud: ["other"] }, { code: "c" }],
  ["another issuer's token", { iss: "https://evil.example/" }, { code: "c" }],
  ["no user", { sub: undefined }, { code: "c" }],
]) {
  test(`a return with ${what} signs nobody in`, async () => {
    const { state } = await leave();
    issuer.claims = change;
    await assert.rejects(comeBack({ state, ...query }), { code: "sign_in", message: /^Sign-in failed: / });
    const after = await comeBack({});
    assert.deepEqual([after.user, await after.token()], ["", null]);
    // An answer is used once.
    await assert.rejects(comeBack({ code: "c", state }), { code: "sign_in" });
  });
}

test("a page that nobody has left for a sign-in ignores other queries", async () => {
  for (const query of [{}, { code: "c" }, { state: "s" }, { url: "wss://a.example" }]) {
    const tokens = await comeBack(query);
    assert.equal(await tokens.token(), null);
  }
  assert.equal(issuer.forms.length, 0);
});

test("a token is renewed in the last part of its life, and the refresh token replaced", async () => {
  const tokens = await signedIn();
  const first = await tokens.token();
  aheadMs = 0.6 * HOUR * 1000;
  assert.equal(await tokens.token(), first);
  aheadMs = 0.75 * HOUR * 1000;
  const [second, same] = await Promise.all([tokens.token(), tokens.token()]);
  assert.notEqual(second, first);
  assert.equal(second, same);
  assert.deepEqual(issuer.forms.slice(1).map((each) => each.refresh_token), ["r1"]);
  aheadMs = 1.6 * HOUR * 1000;
  await tokens.token();
  assert.equal(issuer.forms.at(-1).refresh_token, "r2");
  issuer.answer = { refresh_token: undefined };
  aheadMs = 2.5 * HOUR * 1000;
  await tokens.token();
  aheadMs = 3.4 * HOUR * 1000;
  await tokens.token();
  assert.equal(issuer.forms.at(-1).refresh_token, "r3");
});

test("a token that the server has refused is renewed at once", async () => {
  const tokens = await signedIn();
  const first = await tokens.token();
  aheadMs = 1000;
  assert.notEqual(await tokens.token({ isRefused: true }), first);
});

test("a token is used up where the issuer does not answer or refuses, and then nobody is signed in", async () => {
  const tokens = await signedIn();
  const first = await tokens.token();
  aheadMs = 0.9 * HOUR * 1000;
  issuer.isUp = false;
  assert.equal(await tokens.token(), first);
  aheadMs = 1.1 * HOUR * 1000;
  // It may answer later: this is not a sign-out.
  await assert.rejects(tokens.token(), { code: "sign_in" });
  aheadMs = 0.9 * HOUR * 1000;
  issuer.isUp = true;
  issuer.status = 400;
  assert.equal(await tokens.token(), first);
  const { length } = issuer.forms;
  aheadMs = 1.1 * HOUR * 1000;
  assert.equal(await tokens.token(), null);
  assert.equal(issuer.forms.length, length);
});

test("a renewed token of another person is refused", async () => {
  const tokens = await signedIn();
  aheadMs = 1.1 * HOUR * 1000;
  issuer.claims = { sub: "bob" };
  await assert.rejects(tokens.token(), { code: "sign_in" });
});

test("a clock that is wrong does not make a token look old", async () => {
  issuer.claims = { iat: 1_000, exp: 1_000 + HOUR };
  const tokens = await signedIn();
  assert(await tokens.token());
  assert.equal(issuer.forms.length, 1);
});

test("the access token is given where the settings want it, also one that is not a JSON Web Token", async () => {
  const tokens = await signedIn({ token: "access_token" });
  assert.equal(await tokens.token(), "opaque");
  assert.deepEqual([tokens.user, tokens.name], ["ann", "Ann Ärmel"]);
});

test("sign-out ends the session and forgets the tokens", async () => {
  issuer.document.revocation_endpoint = "https://login.example/revoke";
  const tokens = await signedIn();
  const idToken = await tokens.token();
  await tokens.signOut();
  assert.equal(await tokens.token(), null);
  assert.deepEqual(issuer.forms.at(-1), { url: "https://login.example/revoke", token: "r1", client_id: "page" });
  assert.equal(issuer.opened, "https://login.example/logout?client_id=page"
    + "&post_logout_redirect_uri=https%3A%2F%2Fpage.example%2Fchat%2F");
  assert(![...sessionStorage.values()].some((each) => each.includes(idToken)));
});

test("an issuer without an end of the session is left alone", async () => {
  delete issuer.document.end_session_endpoint;
  const tokens = await signedIn();
  issuer.opened = "";
  await tokens.signOut();
  assert.deepEqual([issuer.opened, await tokens.token()], ["", null]);
});

for (const change of [
  { issuer: "https://other.example/" }, { token_endpoint: "http://login.example/token" },
  { authorization_endpoint: "javascript:alert(1)" }, { end_session_endpoint: 7 }, { token_endpoint: undefined },
]) {
  test(`a discovery document with ${JSON.stringify(change)} is not trusted`, async () => {
    Object.assign(issuer.document, change);
    await assert.rejects(leave(), { code: "sign_in", message: /does not answer as an issuer/ });
  });
}

test("only https and this machine are trusted", () => {
  const trusted = ["https://a.example", "http://localhost:8000/x", "http://127.0.0.1", "http://[::1]:1"];
  const others = ["http://a.example", "http://localhost.evil.example", "javascript:1", "//a", "", null, {}];
  assert.deepEqual([...trusted, ...others].map(isTrusted), [...trusted.map(() => true), ...others.map(() => false)]);
});
