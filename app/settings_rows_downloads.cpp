// The rows of settings: where models come from. Tokens and passwords are not settings: they are in
// the desktop's keyring.
#include "app/settings_rows.h"

namespace app {

namespace {

constexpr auto kServer = "(https?://[^\\s@]{1,500})?";
constexpr auto kProxy = "(none|(http|socks5h?)://([^\\s/@:]{1,100}@)?[^\\s/@:]{1,255}:\\d{1,5}/?)?";

} // namespace

QList<SettingSpec> downloadSettings() {
    using V = SettingsValues;
    using D = DownloadValues;
    constexpr auto kHere = SettingSection::Downloads;
    const auto place = [](auto field) { return at(&V::downloads, field); };
    const QString server = Label::tr("an address such as https://example.org, or empty");
    return {
        row("downloads.hub", kHere, place(&D::hub), Label::tr("Models come from"),
            Label::tr("Where Hugging Face cannot be reached, one of the others may."))
            .choices({choice("huggingface", QStringLiteral("Hugging Face")),
                      choice("hf-mirror", QStringLiteral("hf-mirror")),
                      choice("modelscope", QStringLiteral("ModelScope")),
                      choice("address", Label::tr("An address"))}),
        row("downloads.hugging_face", kHere, place(&D::huggingFace),
            Label::tr("Server of %1").arg(QStringLiteral("Hugging Face")),
            Label::tr("Empty is the hub's own. A company or a mirror may have another one."))
            .matching(kServer, server),
        row("downloads.hf_mirror", kHere, place(&D::hfMirror),
            Label::tr("Server of %1").arg(QStringLiteral("hf-mirror")),
            Label::tr("Empty is the hub's own. A company or a mirror may have another one."))
            .matching(kServer, server),
        row("downloads.modelscope", kHere, place(&D::modelScope),
            Label::tr("Server of %1").arg(QStringLiteral("ModelScope")),
            Label::tr("Empty is the hub's own. A company or a mirror may have another one."))
            .matching(kServer, server),
        row("downloads.proxy", kHere, place(&D::proxy), Label::tr("Proxy"),
            Label::tr("http://host:port or socks5://host:port; empty is the system's, “none” is "
                      "none. Its password is set in “Get models”, “Connection…”."))
            .matching(kProxy, Label::tr("a proxy such as http://host:8080, “none”, or empty")),
        row("downloads.limit_kb_s", kHere, place(&D::limit_kb_s), Label::tr("Highest speed"),
            Label::tr("Leaves room for other programs."))
            .range(0, 10'000'000, 500)
            .unit(Label::tr("kB/s"))
            .zero(Label::tr("As fast as it comes")),
        row("downloads.kept_versions", kHere, place(&D::keptVersions), Label::tr("Older versions"),
            Label::tr("So many stay when a model is updated; one click goes back."))
            .range(2, 20),
    };
}

} // namespace app
