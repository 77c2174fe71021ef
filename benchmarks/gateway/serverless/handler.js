const fs = require("node:fs");
const path = require("node:path");
const {
  ApiGatewayManagementApiClient,
  PostToConnectionCommand,
} = require("@aws-sdk/client-apigatewaymanagementapi");

const store = process.env.STORE;
const client = new ApiGatewayManagementApiClient({
  endpoint: `http://127.0.0.1:${process.env.PORT}`,
  region: "us-east-1",
  credentials: { accessKeyId: "any", secretAccessKey: "any" },
});
const post = (ConnectionId, Data) => client.send(new PostToConnectionCommand({ ConnectionId, Data }));

exports.connect = async ({ requestContext: { connectionId } }) => {
  fs.writeFileSync(path.join(store, encodeURIComponent(connectionId)), "");
  return { statusCode: 200 };
};

exports.disconnect = async ({ requestContext: { connectionId } }) => {
  fs.rmSync(path.join(store, encodeURIComponent(connectionId)), { force: true });
  return { statusCode: 200 };
};

exports.message = async ({ body, requestContext: { connectionId } }) => {
  const { action, data } = JSON.parse(body);
  const reply = JSON.stringify({ data, connectionId });
  if (action === "echo") {
    await post(connectionId, reply);
  } else {
    const everyone = fs.readdirSync(store).map(decodeURIComponent);
    await Promise.all(everyone.map((id) => post(id, reply).catch(() => {})));
  }
  return { statusCode: 200 };
};
