/**
 * Where our answer differs on purpose from what an official template was recorded to answer, by the case's name, and why.
 * `express4` and `express5` name one of the two; without either it is both. The table in the template's README says the same.
 */
export interface Difference {
  readonly why: string;
  readonly only?: 'express4' | 'express5';
  /** What we answer. A pattern is about the body's text. */
  readonly status: number;
  readonly body: string | RegExp;
}

const refused =
  'a refused request is answered with one line of text: a page of HTML that names no reason helps no caller';
const failed =
  'a function that fails is no success: 500 unless it chose another status; a gateway and a queue try again';
const lives = 'the official process ends, and with it every other call';
const status = 'a status is between 200 and 599, or the call has failed';

const refusal = (code: 400 | 413 | 415, reason: string | RegExp): Difference => ({
  why: refused,
  status: code,
  body: new RegExp(
    `^The request was refused: ${typeof reason === 'string' ? reason : reason.source} \\(call test\\)\\.\\n$`,
  ),
});

const fails = (why: string, body: string | RegExp, only?: Difference['only']): Difference => ({
  why,
  status: 500,
  body,
  ...(only === undefined ? {} : { only }),
});

export const differences: Readonly<Record<string, Difference>> = {
  'event: JSON with a charset that is none of Unicode': refusal(415, 'unsupported charset "LATIN1"'),
  'event: JSON, blank': refusal(400, 'Unexpected end of JSON input'),
  'event: JSON that is a number': refusal(400, 'the JSON is neither a map nor a list'),
  'event: JSON that is broken': refusal(400, /.*JSON.*/),
  'event: JSON above the limit': refusal(413, 'request entity too large'),
  'event: JSON above the limit, in pieces': refusal(413, 'request entity too large'),
  'event: text in a charset that nobody knows': refusal(415, 'unsupported charset "KLINGON"'),
  'event: text in UTF-7': refusal(415, 'unsupported charset "UTF-7"'),
  'event: text above the limit': refusal(413, 'request entity too large'),
  'event: text, said to be compressed': refusal(400, 'incorrect header check'),
  'event: text, compressed in a way nobody knows': refusal(415, 'unsupported content encoding "snappy"'),
  'event: a form in Latin 1': { ...refusal(415, 'unsupported charset "ISO-8859-1"'), only: 'express4' },
  'event: a form with 1001 fields': refusal(413, 'too many parameters'),
  'event: a form that is too deep': refusal(400, 'The input exceeded the depth'),
  'RAW_BODY: above the limit': refusal(413, 'request entity too large'),
  'MAX_JSON_SIZE: above': refusal(413, 'request entity too large'),
  'event: a path that cannot be unescaped': {
    why: 'Express 4 unescapes a path only to find that it can; a handler gets it as it was sent',
    only: 'express4',
    status: 200,
    body: /"path":"\/%zz"/,
  },
  'event: a method that is rare': {
    why: 'node12 to node20 know six methods; here a handler sees all of them',
    only: 'express4',
    status: 200,
    body: /"method":"PROPFIND"/,
  },
  'answer: a number': fails(`${failed}; ${status}`, 'RangeError: Invalid status code: 42', 'express4'),
  'answer: a function': fails(failed, 'TypeError: a function cannot be sent'),
  'answer: a symbol': fails(failed, 'TypeError: a symbol cannot be sent'),
  'answer: a big integer': fails(failed, 'TypeError: a bigint cannot be sent'),
  'answer: a map that holds a big integer': fails(failed, 'TypeError: Do not know how to serialize a BigInt'),
  'answer: a map that holds itself': fails(failed, /^TypeError: Converting circular structure to JSON/),
  'answer: a status that is text': { why: lives, only: 'express5', status: 202, body: 'a' },
  'answer: a status with a fraction': { why: lives, only: 'express5', status: 200, body: 'a' },
  'answer: a status that is none': fails(`${lives}; ${status}`, 'thrown: RangeError: Invalid status code: 99'),
  'answer: a status above 599': fails(status, 'thrown: RangeError: Invalid status code: 799'),
  'answer: a type that is short': {
    why: 'file name endings are no types here: Express 5 has a table of a thousand of them',
    only: 'express5',
    status: 200,
    body: '{}',
  },
  'answer: a type that is a list': fails(failed, 'TypeError: Content-Type cannot be set to an Array'),
  'answer: headers that cannot be sent': fails(
    failed,
    'TypeError [ERR_INVALID_CHAR]: Invalid character in header content ["X-A"]',
  ),
  'answer: header names that cannot be sent': fails(
    failed,
    'TypeError [ERR_INVALID_HTTP_TOKEN]: Header name must be a valid HTTP token ["X A"]',
  ),
  'answer: an error thrown': fails(failed, 'Error: boom'),
  'answer: text thrown': fails(failed, 'boom'),
  'answer: nothing thrown': fails(failed, 'Error: rejected with undefined'),
  'handler: not async, throws': fails(lives, 'thrown: Error: boom'),
  'handler: calls back with an error': fails(failed, 'Error: no'),
};
