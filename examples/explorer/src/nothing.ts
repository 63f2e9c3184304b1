// What stands in for a module of Node.js that a browser has no use for.
export default {};
