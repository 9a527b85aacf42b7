#include "app/connections.h"

#include <QCoreApplication>

namespace app {

namespace {

// A tr() for free functions whose context lupdate understands.
struct Privacy {
    Q_DECLARE_TR_FUNCTIONS(app::Privacy)
};

Connection server(const SettingsValues& values) {
    Connection connection{Privacy::tr("Answers to other programs"),
                          Privacy::tr("The API listens when you switch it on. Beyond this computer "
                                      "it starts only with a key."),
                          Privacy::tr("off"), false};
    if (!values.apiEnabled)
        return connection;
    connection.isOutside = values.apiHost != QLatin1String("localhost") &&
                           values.apiHost != QLatin1String("::1") &&
                           !values.apiHost.startsWith(QLatin1String("127."));
    connection.state = connection.isOutside ? Privacy::tr("on, for the network")
                                            : Privacy::tr("on, this computer only");
    return connection;
}

} // namespace

QList<Connection> connections(const SettingsValues& values) {
    return {
        {Privacy::tr("Telemetry and update checks"),
         Privacy::tr("There are none. Chats, settings and figures stay in the data folder."),
         Privacy::tr("never"), false},
        {Privacy::tr("Content of answers"),
         Privacy::tr("Pictures and pages that a model names are not fetched."),
         Privacy::tr("never"), false},
        {Privacy::tr("Links in answers"),
         Privacy::tr("Opened by your browser, after the address was shown and you agreed."),
         Privacy::tr("when you ask"), false},
        {Privacy::tr("Models from the internet"),
         Privacy::tr("Searched for and fetched in “Get models”, from the hub that is chosen there, "
                     "after a click."),
         Privacy::tr("when you ask"), false},
        server(values),
    };
}

} // namespace app
