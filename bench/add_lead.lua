-- wrk's requests: an add_lead like syncd's, each with a number of its own. Arguments: user, password, list.
local head, number = "", 0

function init(args)
  head = "source=wrk&function=add_lead&phone_code=1&dnc_check=AREACODE&list_exists_check=Y&source_id=wrk&user="
    .. args[1] .. "&pass=" .. args[2] .. "&list_id=" .. args[3] .. "&city=Tampa&state=FL"
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
end

function request()
  number = number + 1
  return wrk.format(nil, nil, nil, head .. "&first_name=First" .. number .. "&last_name=Last" .. number
    .. "&email=p" .. number .. "%40example.com&vendor_lead_code=" .. number .. "&phone_number=727" .. 2000000 + number)
end
