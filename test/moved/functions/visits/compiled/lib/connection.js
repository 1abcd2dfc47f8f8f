"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.opened = exports.connect = void 0;
let count = 0;
const connect = async (url) => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    count += 1;
    const pages = new Map();
    return {
        url,
        increment(page) {
            pages.set(page, (pages.get(page) ?? 0) + 1);
            return pages.get(page);
        },
    };
};
exports.connect = connect;
const opened = () => count;
exports.opened = opened;
