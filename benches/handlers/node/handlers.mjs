// The handlers that Tarn is measured beside, in Node: event bytes in, response bytes out.
//
// Each name is mapped to a function that makes the handler, so that each process loads only what it measures.

/// A Firehose transform from event to answer.
export function transform(flatten) {
  return (event) => ({
    records: event.records.map(({ recordId, data }) => {
      try {
        const flat = flatten(JSON.parse(Buffer.from(data, "base64").toString("utf8")));
        return { recordId, result: "Ok", data: Buffer.from(JSON.stringify(flat) + "\n").toString("base64") };
      } catch {
        return { recordId, result: "ProcessingFailed", data };
      }
    }),
  });
}

function firehoseHandler(flatten) {
  const answer = transform(flatten);
  return (event) => Buffer.from(JSON.stringify(answer(JSON.parse(event.toString("utf8")))));
}

function isObject(value) {
  return typeof value === "object" && value !== null;
}

/// The package `flat`, told to leave arrays alone; they and empty objects are made text afterwards.
async function withFlat() {
  const { flatten } = await import("flat");
  return (document) => {
    const flat = flatten(document, { delimiter: "_", safe: true });
    for (const name in flat) {
      if (isObject(flat[name])) flat[name] = JSON.stringify(flat[name]);
    }
    return flat;
  };
}

function gather(members, prefix, flat) {
  for (const key in members) {
    const value = members[key];
    if (!isObject(value)) flat[prefix + key] = value;
    else if (Array.isArray(value) || isEmpty(value)) flat[prefix + key] = JSON.stringify(value);
    else gather(value, `${prefix}${key}_`, flat);
  }
}

function isEmpty(object) {
  for (const _ in object) return false;
  return true;
}

function ownFlatten(document) {
  const flat = {};
  gather(document, "", flat);
  return flat;
}

/// The lines of a file of change records as flat lines, items decoded by the SDK.
async function changesHandler(flatten) {
  const { unmarshall } = await import("@aws-sdk/util-dynamodb");
  return (event) => {
    let lines = "";
    for (const line of event.toString("utf8").split("\n")) {
      if (line === "") continue;
      const { eventName, userIdentity, dynamodb } = JSON.parse(line);
      const flat = flatten(unmarshall(dynamodb.NewImage ?? dynamodb.OldImage ?? dynamodb.Keys));
      flat._op = eventName.toLowerCase();
      flat._ttl = userIdentity?.principalId === "dynamodb.amazonaws.com";
      flat._seq = dynamodb.SequenceNumber;
      flat._at = new Date(dynamodb.ApproximateCreationDateTime * 1000).toISOString().replace("T", " ").replace("Z", "000");
      lines += JSON.stringify(flat) + "\n";
    }
    return Buffer.from(lines);
  };
}

export const flatteners = { flat: withFlat, own: async () => ownFlatten };

export const handlers = {
  flat: async () => firehoseHandler(await withFlat()),
  own: async () => firehoseHandler(ownFlatten),
  unmarshall_flat: async () => changesHandler(await withFlat()),
  unmarshall_own: async () => changesHandler(ownFlatten),
};
