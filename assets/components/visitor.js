// Keeps a visitor's token in a cookie for thirty days. The token is made by the server.
export default function ({ data }) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${data.name}=${data.token}; Path=/; Max-Age=2592000; SameSite=Strict${secure}`;
}
