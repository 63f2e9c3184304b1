// What a browser does not have, and nothing asks for there.
export default {};
