"use strict"

let last = 0

// The three-argument form: answers through the callback, later.
module.exports = (event, context, callback) => {
    if (event.method !== "POST") {
        context.status(405).headers({ "Allow": "POST" });
        callback(null, "only POST");
        return;
    }
    if (!event.body || !event.body.subject) {
        context.status(422);
        callback(new Error("a ticket needs a subject"));
        return;
    }
    if (event.body.subject === "now") {
        throw new Error("not later, but now");
    }
    if (event.body.subject === "explode") {
        callback("no more tickets today");
        return;
    }
    setTimeout(function () {
        last++;
        context.status(201).headers({ "Content-Type": "application/json", "X-Ticket": String(last) });
        callback(undefined, { id: last, subject: event.body.subject, open: true });
    }, 5);
    // Whatever is returned must not be answered twice.
    return new Promise(function (resolve) { setTimeout(resolve, 50, "too late"); });
}
