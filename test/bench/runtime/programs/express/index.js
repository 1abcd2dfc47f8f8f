// The shape of the official Node template in our own words: Express with its body parsers in front of a handler that
// takes (event, context, callback). It runs as the child of a watchdog, as in the image.
const express = require('express');
const bodyParser = require('body-parser');
const handle = require('./handler.js');

function settle(context, response, error, value) {
  response.set(context.headerValues);
  if (error) {
    console.error(error);
    response.status(context.code === 200 ? 500 : context.code).send(String(error));
    return;
  }
  const isJson = typeof value === 'object' && value !== null && !Buffer.isBuffer(value);
  response.status(context.code).send(isJson ? JSON.stringify(value) : value);
}

class Context {
  code = 200;
  headerValues = {};
  answered = false;
  constructor(finish) {
    this.finish = finish;
  }
  status(code) {
    this.code = code;
    return this;
  }
  headers(values) {
    this.headerValues = values;
    return this;
  }
  succeed(value) {
    this.answered = true;
    this.finish(undefined, value);
  }
  fail(error) {
    this.answered = true;
    this.finish(error);
  }
}

const server = express();
server.disable('x-powered-by');
server.use((request, _response, next) => {
  request.headers['content-type'] ??= 'text/plain';
  next();
});
server.use(bodyParser.text({ type: 'text/*' }));
server.use(bodyParser.json({ limit: '100kb' }));
server.use(bodyParser.urlencoded({ extended: true }));
server.use((request, response) => {
  const { body, headers, method, query, path } = request;
  const finish = (error, value) => settle(context, response, error, value);
  const context = new Context(finish);
  Promise.resolve(handle({ body, headers, method, query, path }, context, finish)).then(
    (value) => context.answered || context.succeed(value),
    (error) => context.fail(error),
  );
});
server.listen(Number(process.env.http_port), '127.0.0.1');
