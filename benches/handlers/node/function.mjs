// The Firehose transform as a function of Lambda's Node runtime, which parses events and writes answers itself.

import { flatteners, transform } from "./handlers.mjs";

const answer = transform(await flatteners[process.env.FLATTENER]());

export async function handler(event) {
  return answer(event);
}
