"use strict";
var __importDefault = (this && this.__importDefault) || function (mod) {
    return (mod && mod.__esModule) ? mod : { "default": mod };
};
const fs_1 = __importDefault(require("fs"));
const os_1 = require("os");
const connection_1 = require("./lib/connection");
let connection;
const handler = async (event, context) => {
    connection ??= (0, connection_1.connect)(process.env.database_url ?? "memory:");
    const database = await connection;
    const page = event.query.page ?? "home";
    const count = database.increment(page);
    const file = `${(0, os_1.tmpdir)()}/visits-${process.pid}.json`;
    fs_1.default.writeFileSync(file, JSON.stringify({ page, count }));
    const written = JSON.parse(fs_1.default.readFileSync(file, "utf8"));
    fs_1.default.unlinkSync(file);
    return context
        .status(200)
        .headers({ "x-connections": String(connection_1.opened()), "x-first-seen": database.url })
        .succeed(written);
};
module.exports = handler;
//# sourceMappingURL=main.js.map
