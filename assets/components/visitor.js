// Keeps a visitor's token in a cookie for thirty days. The token is made by the server.
// One that another tab has written stays, and the server is told.
export default function ({ data, setStateValue }) {
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${data.name}=`));
  if (found) {
    const token = found.slice(data.name.length + 1);
    if (token !== data.token) setStateValue("token", token);
    return;
  }
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${data.name}=${data.token}; Path=/; Max-Age=2592000; SameSite=Strict${secure}`;
}
